"""The rules LogOS ships.  Data; see rules.py for what they mean and when they are checked.

They read from top to bottom, the first that speaks decides: reads; what nobody asked for;
what the texts carry; then each argument by its kind and by where its value came from.

Invariant: no rule allows a destination, an identity or a secret whose source is below the line
(found in text, known but not spoken of, invented).
"""

from logos.kernel.flow.content import Content
from logos.kernel.flow.intent import Intent
from logos.kernel.flow.manifest import Impact
from logos.kernel.flow.quantities import CHOSEN, FOUND, GIVEN, MEANT, VALUES, F
from logos.kernel.flow.rules import Rule, Table, Verdict
from logos.kernel.flow.source import Source
from logos.kernel.flow.value import Kind

S, K, I = Source, Kind, Impact  # noqa: E741  # short names make the table readable

_PLACES = (K.ADDRESS, K.ACCOUNT, K.HANDLE, K.ID, K.NAME, K.PATH)
_PUBLIC = (I.EGRESS_PEOPLE, I.MONEY, I.IDENTITY)


RULES: tuple[Rule, ...] = (
    Rule(
        id="read",
        verdict=Verdict.ALLOW,
        because="it looks, and tells nobody",
        impact=(I.READ,),
        allow=F(impact=I.READ, kind=K.PATH, source=S.UNTRUSTED),
        deny=F(impact=I.READ_EGRESS, kind=K.URL, source=S.UNTRUSTED),
    ),
    Rule(
        id="not-asked-for",
        verdict=Verdict.DENY,
        because="nothing in the request asks for such a call",
        impact=tuple(i for i in I if i not in (I.READ, I.READ_EGRESS)),
        intent=(Intent.NO,),
        allow=F(kind=K.HANDLE),
        deny=F(kind=K.HANDLE, intent=Intent.NO),
    ),
    Rule(
        id="secret-leaves",
        verdict=Verdict.DENY,
        because="a secret would leave with it",
        content=(Content.SECRET,),
        to=tuple(s for s in S if s not in (S.WORDS, S.OWN, S.APPROVED)),
        allow=F(kind=K.HANDLE),
        deny=F(kind=K.HANDLE, source=S.LINKED, content=Content.SECRET, to=S.LINKED),
    ),
    Rule(
        id="secret-to-named",
        verdict=Verdict.ASK,
        because="a secret would leave with it, to somebody you named",
        content=(Content.SECRET,),
        allow=F(kind=K.HANDLE),
        deny=F(kind=K.HANDLE, content=Content.SECRET),
    ),
    Rule(
        id="readers",
        verdict=Verdict.ASK,
        because="whoever gets it may not read what is in it",
        unread=True,
        allow=F(kind=K.HANDLE),
        deny=F(kind=K.HANDLE, unread=True),
    ),
    Rule(
        id="new-link",
        verdict=Verdict.DENY,
        because="the text would carry a link, address or account that you did not give",
        impact=_PUBLIC,
        content=(Content.ACTIVE,),
        allow=F(kind=K.HANDLE, content=Content.COMPOSED),
        deny=F(kind=K.HANDLE, content=Content.ACTIVE),
    ),
    Rule(
        id="link-asked-for",
        verdict=Verdict.ASK,
        because="the text carries a link, address or account from something you pointed at",
        impact=_PUBLIC,
        kind=(K.CONTENT, K.TEXT),
        content=(Content.REQUESTED,),
        allow=F(kind=K.CONTENT, content=Content.COMPOSED),
        deny=F(kind=K.CONTENT, content=Content.REQUESTED),
    ),
    Rule(
        id="again",
        verdict=Verdict.ASK,
        because="the same sum already went to the same place",
        kind=(None,),
        impact=(I.MONEY,),
        intent=MEANT,
        again=True,
        allow=F(impact=I.MONEY),
        deny=F(impact=I.MONEY, again=True),
    ),
    Rule(
        id="note-to-self",
        verdict=Verdict.ASK,
        because="text that is not yours would reach you under your own name",
        kind=(K.ADDRESS,),
        impact=(I.EGRESS_PEOPLE,),
        source=(S.OWN,),
        intent=MEANT,
        content=(Content.COMPOSED, Content.REQUESTED),
        allow=F(kind=K.ADDRESS, source=S.OWN),
        deny=F(kind=K.ADDRESS, source=S.OWN, content=Content.COMPOSED),
    ),
    Rule(
        id="own-words-to-chosen",
        verdict=Verdict.ALLOW,
        because="your words, to the one you described",
        kind=_PLACES,
        source=(*CHOSEN, S.PARTIAL),
        impact=(I.EGRESS_PEOPLE,),
        intent=(Intent.YES,),
        content=(Content.NONE, Content.PLAIN),
        allow=F(kind=K.HANDLE, source=S.SELECTED, to=S.SELECTED),
        deny=F(kind=K.HANDLE, source=S.SELECTED, to=S.SELECTED, content=Content.COMPOSED),
    ),
    Rule(
        id="composed-to-chosen",
        verdict=Verdict.ASK,
        because="text that is not yours would go to somebody you did not name",
        kind=_PLACES,
        source=(*CHOSEN, S.PARTIAL),
        impact=(I.EGRESS_PEOPLE,),
        intent=MEANT,
        allow=F(kind=K.HANDLE, source=S.EACH, to=S.EACH),
        deny=F(kind=K.HANDLE, source=S.EACH, to=S.EACH, content=Content.COMPOSED),
    ),
    Rule(
        id="delegated",
        verdict=Verdict.ASK,
        because="you left the acts to a document, and this is one of them",
        kind=(None,),
        impact=tuple(i for i in I if i not in (I.READ, I.READ_EGRESS)),
        intent=(Intent.DELEGATED,),
        allow=F(),
        deny=F(intent=Intent.DELEGATED),
    ),
    Rule(
        id="call",
        verdict=Verdict.ALLOW,
        because="the request asks for such a call",
        kind=(None,),
        allow=F(),
        deny=F(intent=Intent.NO),
    ),
    # -- links
    Rule(
        id="link-given",
        verdict=Verdict.ALLOW,
        because="you gave the link",
        kind=(K.URL,),
        source=(S.FIXED, S.WORDS, S.OWN, S.APPROVED),
        allow=F(kind=K.URL),
        deny=F(kind=K.URL, source=S.LINKED),
    ),
    Rule(
        id="link-followed",
        verdict=Verdict.ALLOW,
        because="it is on a site you named, or was posted where you pointed by a member",
        kind=(K.URL,),
        impact=(I.READ_EGRESS,),
        source=(S.COLLEAGUE, S.SITE, S.LINKED),
        allow=F(kind=K.URL, impact=I.READ_EGRESS, source=S.COLLEAGUE),
        deny=F(kind=K.URL, impact=I.EGRESS_PEOPLE, source=S.COLLEAGUE),
    ),
    Rule(
        id="link-found",
        verdict=Verdict.ASK,
        because="the link stands in something you pointed at, and you spoke of links",
        kind=(K.URL,),
        impact=(I.READ_EGRESS,),
        source=(S.POINTED,),
        intent=(Intent.YES,),
        open=True,
        allow=F(kind=K.URL, impact=I.READ_EGRESS),
        deny=F(kind=K.URL, impact=I.READ_EGRESS, source=S.POINTED),
    ),
    Rule(
        id="link-delegated",
        verdict=Verdict.ASK,
        because="you left the acts to a document, and a member posted this link",
        kind=(K.URL,),
        impact=(I.READ_EGRESS,),
        source=(S.POINTED, S.MEMBER, S.COLLEAGUE),
        intent=(Intent.DELEGATED,),
        allow=F(kind=K.URL, impact=I.READ_EGRESS, intent=Intent.DELEGATED),
        deny=F(kind=K.URL, impact=I.READ_EGRESS, source=S.MEMBER, intent=Intent.DELEGATED),
    ),
    # -- secrets
    Rule(
        id="secret-given",
        verdict=Verdict.ALLOW,
        because="you gave the secret",
        kind=(K.SECRET,),
        source=(S.FIXED, S.WORDS),
        allow=F(kind=K.SECRET, impact=I.IDENTITY),
        deny=F(kind=K.SECRET, impact=I.IDENTITY, source=S.POINTED),
    ),
    # -- destinations and objects
    Rule(
        id="place-given",
        verdict=Verdict.ALLOW,
        because="you named it, or it belongs to what you spoke of",
        kind=_PLACES,
        source=GIVEN,
        allow=F(kind=K.ACCOUNT, impact=I.MONEY, source=S.LINKED),
        deny=F(kind=K.ACCOUNT, impact=I.MONEY, source=S.UNTRUSTED),
    ),
    Rule(
        id="place-chosen",
        verdict=Verdict.ALLOW,
        because="it is the one you described",
        kind=_PLACES,
        source=CHOSEN,
        intent=(Intent.YES,),
        allow=F(kind=K.HANDLE, impact=I.IDENTITY, source=S.SELECTED),
        deny=F(kind=K.HANDLE, impact=I.IDENTITY, source=S.KNOWN),
    ),
    Rule(
        id="place-chosen-for-now",
        verdict=Verdict.ALLOW,
        because="it is one you described, and can be changed back",
        kind=(K.HANDLE, K.ID, K.NAME, K.PATH),
        impact=(I.REVERSIBLE_WRITE,),
        source=(S.PARTIAL,),
        intent=(Intent.YES,),
        allow=F(kind=K.HANDLE, impact=I.REVERSIBLE_WRITE, source=S.PARTIAL),
        deny=F(kind=K.HANDLE, impact=I.IDENTITY, source=S.PARTIAL),
    ),
    Rule(
        id="place-chosen-in-part",
        verdict=Verdict.ASK,
        because="it is the one you described among those that were looked at",
        kind=_PLACES,
        source=(S.PARTIAL, *CHOSEN),
        intent=MEANT,
        allow=F(kind=K.HANDLE, impact=I.IDENTITY, source=S.SELECTED),
        deny=F(kind=K.HANDLE, impact=I.IDENTITY, source=S.PARTIAL),
    ),
    Rule(
        id="any-of-these",
        verdict=Verdict.ALLOW,
        because="you asked for one of these, and it can be changed back",
        kind=(K.NAME,),
        impact=(I.REVERSIBLE_WRITE,),
        source=(S.ANY,),
        intent=(Intent.YES,),
        allow=F(kind=K.NAME, impact=I.REVERSIBLE_WRITE, source=S.ANY),
        deny=F(kind=K.NAME, impact=I.MONEY, source=S.ANY),
    ),
    Rule(
        id="place-made",
        verdict=Verdict.ALLOW,
        because="the agent may choose the name of something new",
        kind=(K.PATH, K.NAME, K.ID, K.HANDLE),
        impact=(I.REVERSIBLE_WRITE,),
        free=True,
        allow=F(kind=K.PATH, impact=I.REVERSIBLE_WRITE, source=S.NOWHERE, free=True),
        deny=F(kind=K.PATH, impact=I.REVERSIBLE_WRITE, source=S.NOWHERE),
    ),
    Rule(
        id="place-found",
        verdict=Verdict.ASK,
        because="you did not name it; it comes from what you pointed at, or is known here",
        kind=_PLACES,
        source=FOUND,
        intent=MEANT,
        open=True,
        allow=F(kind=K.ADDRESS),
        deny=F(kind=K.ADDRESS, source=S.POINTED),
    ),
    *VALUES,
)


def builtin() -> Table:
    """The shipped rules, checked by their own examples."""
    return Table(RULES)

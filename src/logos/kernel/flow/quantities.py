"""The shipped rules for commands, quantities and words; see builtin.py.  Data.

Invariant: a number that moves money, and text that changes who somebody is, is never allowed
from text that was read.
"""

from logos.kernel.flow.content import Content
from logos.kernel.flow.intent import Intent
from logos.kernel.flow.manifest import Impact
from logos.kernel.flow.rules import Facts, Rule, Verdict
from logos.kernel.flow.source import Source
from logos.kernel.flow.value import Kind

S, K, I = Source, Kind, Impact  # noqa: E741  # short names make the table readable

GIVEN = (S.FIXED, S.WORDS, S.OWN, S.APPROVED, S.LINKED)
CHOSEN = (S.SELECTED, S.EACH, S.RETURN)
FOUND = (S.ANY, S.POINTED, S.KNOWN, S.MEMBER)
MEANT = (Intent.YES, Intent.DELEGATED)


def F(**facts: object) -> Facts:  # noqa: N802  # reads as a literal
    return Facts(**facts)  # type: ignore[arg-type]  # checked when the table is made


VALUES: tuple[Rule, ...] = (
    # -- commands
    Rule(
        id="command",
        verdict=Verdict.ALLOW,
        because="it runs in the sandbox and changes what is the process's own",
        kind=(K.COMMAND,),
        source=(S.FIXED, S.WORDS, S.LINKED, S.NOWHERE),
        impact=(I.REVERSIBLE_WRITE,),
        allow=F(kind=K.COMMAND, impact=I.REVERSIBLE_WRITE, source=S.NOWHERE),
        deny=F(kind=K.COMMAND, impact=I.REVERSIBLE_WRITE, source=S.UNTRUSTED),
    ),
    Rule(
        id="command-given",
        verdict=Verdict.ALLOW,
        because="you gave the command",
        kind=(K.COMMAND,),
        source=(S.FIXED, S.WORDS, S.APPROVED),
        allow=F(kind=K.COMMAND, impact=I.IRREVERSIBLE),
        deny=F(kind=K.COMMAND, impact=I.IRREVERSIBLE, source=S.UNTRUSTED),
    ),
    Rule(
        id="command-composed",
        verdict=Verdict.ASK,
        because="the command would run where it cannot be taken back",
        kind=(K.COMMAND,),
        source=(S.NOWHERE, S.POINTED, S.UNTRUSTED),
        intent=MEANT,
        allow=F(kind=K.COMMAND, impact=I.IRREVERSIBLE),
        deny=F(kind=K.COMMAND, impact=I.IRREVERSIBLE, source=S.NOWHERE),
    ),
    # -- quantities
    Rule(
        id="amount-counts",
        verdict=Verdict.ALLOW,
        because="it is a number you gave, or follows from one",
        kind=(K.AMOUNT,),
        source=(*GIVEN, *CHOSEN, S.DERIVED),
        allow=F(kind=K.AMOUNT, impact=I.MONEY, source=S.DERIVED),
        deny=F(kind=K.AMOUNT, impact=I.MONEY, source=S.NOWHERE),
    ),
    Rule(
        id="amount-free",
        verdict=Verdict.ALLOW,
        because="the number moves no money and can be changed back",
        kind=(K.AMOUNT,),
        impact=(I.REVERSIBLE_WRITE, I.EGRESS_PEOPLE),
        allow=F(kind=K.AMOUNT, impact=I.REVERSIBLE_WRITE, source=S.NOWHERE),
        deny=F(kind=K.AMOUNT, impact=I.MONEY, source=S.NOWHERE),
    ),
    Rule(
        id="amount-found",
        verdict=Verdict.ASK,
        because="the number follows from something you pointed at",
        kind=(K.AMOUNT,),
        source=FOUND,
        intent=MEANT,
        allow=F(kind=K.AMOUNT, impact=I.MONEY),
        deny=F(kind=K.AMOUNT, impact=I.MONEY, source=S.POINTED),
    ),
    Rule(
        id="date",
        verdict=Verdict.ALLOW,
        because="a date of the agent's own, or one that you gave",
        kind=(K.DATE,),
        source=(*GIVEN, S.SELECTED, S.KNOWN, S.NOWHERE),
        allow=F(kind=K.DATE, impact=I.MONEY, source=S.NOWHERE),
        deny=F(kind=K.DATE, impact=I.MONEY, source=S.UNTRUSTED),
    ),
    Rule(
        id="date-free",
        verdict=Verdict.ALLOW,
        because="the date can be changed back",
        kind=(K.DATE,),
        impact=(I.REVERSIBLE_WRITE, I.EGRESS_PEOPLE),
        allow=F(kind=K.DATE, impact=I.REVERSIBLE_WRITE, source=S.UNTRUSTED),
        deny=F(kind=K.DATE, impact=I.MONEY, source=S.UNTRUSTED),
    ),
    Rule(
        id="date-found",
        verdict=Verdict.ASK,
        because="the date comes from text that nobody vouches for",
        kind=(K.DATE,),
        source=(S.POINTED,),
        intent=MEANT,
        allow=F(kind=K.DATE, impact=I.MONEY),
        deny=F(kind=K.DATE, impact=I.MONEY, source=S.POINTED),
    ),
    Rule(
        id="choice",
        verdict=Verdict.ALLOW,
        because="one of the tool's own choices",
        kind=(K.CHOICE, K.SELECTOR),
        allow=F(kind=K.CHOICE, impact=I.IRREVERSIBLE, source=S.FIXED),
        deny=F(kind=K.COMMAND, impact=I.IRREVERSIBLE, source=S.UNTRUSTED),
    ),
    # -- words
    Rule(
        id="text-given",
        verdict=Verdict.ALLOW,
        because="your words, or those of a record you spoke of",
        kind=(K.TEXT,),
        source=GIVEN,
        allow=F(kind=K.TEXT, impact=I.IDENTITY, source=S.LINKED),
        deny=F(kind=K.TEXT, impact=I.IDENTITY, source=S.UNTRUSTED),
    ),
    Rule(
        id="text-composed",
        verdict=Verdict.ALLOW,
        because="it can be changed back, and nobody's standing hangs on it",
        kind=(K.TEXT,),
        impact=(I.REVERSIBLE_WRITE, I.EGRESS_PEOPLE),
        allow=F(kind=K.TEXT, impact=I.REVERSIBLE_WRITE, source=S.NOWHERE),
        deny=F(kind=K.TEXT, impact=I.IDENTITY, source=S.NOWHERE),
    ),
    Rule(
        id="text-found",
        verdict=Verdict.ASK,
        because="you did not give these words; they come from what you pointed at",
        kind=(K.TEXT,),
        source=(S.POINTED, S.KNOWN),
        intent=MEANT,
        allow=F(kind=K.TEXT, impact=I.IDENTITY),
        deny=F(kind=K.TEXT, impact=I.IDENTITY, source=S.POINTED),
    ),
    Rule(
        id="content",
        verdict=Verdict.ALLOW,
        because="text for somebody you named, without a new place to go",
        kind=(K.CONTENT,),
        allow=F(kind=K.CONTENT, content=Content.COMPOSED),
        deny=F(kind=K.CONTENT, content=Content.ACTIVE),
    ),
)

"""Ordinary English for what people have done for them: mail, calendars, files, contacts, bookings,
money, members, tickets.  Data and a little grammar; it knows no tool and no task.

    SAID          what a tool's verb is called in requests: {verb of a tool: words of people}
    PAYING        verbs that can only mean money
    NEAR          groups of nouns, any of which may stand for the other
    THINGS        words that name a thing as often as an act (mail, post, order)
    acts(text)    words of a request that can be what is to be done, in their basic form
    verb_of(word) the verb that a noun or a participle is of

A verb is missing here: what wants it is refused as not asked for.  A verb too many: a person is
asked more often, or a value that he named himself may have an effect that he didn't name.  It can
never give a value a better source.

Invariant: `acts` depends on the principal's words alone.
"""

import re
from collections.abc import Iterator

from logos.kernel.flow.value import among, words

_TALK = (
    "send message dm tell write reply respond post email mail forward notify inform text contact answer ask "
    "remind announce share publish drop ping thank congratulate welcome apologize apologise introduce relay "
    "report cc request pass wish greet warn update brief alert chase"
)
_CHANGE = (
    "update change adjust modify edit set correct fix increase decrease raise lower reset amend alter switch "
    "replace revise reduce extend shorten bump refresh"
)
_MAKE = (
    "create make set add put schedule write start save draft arrange plan open prepare compose generate build "
    "record note log organize organise register file raise begin enter issue jot"
)
_REMOVE = "delete remove erase clear discard trash wipe purge drop scrap destroy bin dump"
_BOOK = "book reserve arrange rent hire order secure get make schedule organize organise find lease charter"

_PAIRS: tuple[tuple[str, str], ...] = (
    ("send message email mail reply respond forward notify dm text chat tell ping answer", _TALK),
    ("post publish announce tweet broadcast", "post publish put upload write share announce send tweet broadcast leave"),
    ("comment", "comment write post add leave reply respond note"),
    ("pay settle", "pay settle transfer cover send wire clear"),
    ("transfer wire remit", "pay transfer wire move send remit"),
    ("refund reimburse repay", "refund reimburse repay return give pay send transfer compensate"),
    ("donate", "donate give pay contribute send"),
    ("deposit", "deposit put add pay"),
    ("withdraw", "withdraw take"),
    ("charge bill invoice", "charge bill invoice"),
    ("buy purchase order checkout", "buy order purchase get pay book"),
    ("book reserve rent hire lease", _BOOK),
    ("invite", "invite add onboard enroll enrol register include bring ask"),
    ("add", "add include put join enroll enrol append insert invite attach save register bring"),
    ("attach", "attach add include put send"),
    ("insert include", "insert include add put"),
    ("remove kick ban expel evict exclude", f"{_REMOVE} kick ban expel exclude take evict uninvite block throw"),
    ("delete erase purge trash destroy discard clear", _REMOVE),
    ("block", "block ban mute"),
    ("cancel abort", "cancel drop remove delete scrap abort skip undo"),
    ("create make new open compose generate", _MAKE),
    ("draft", "draft write prepare compose create"),
    ("schedule plan arrange", "schedule set plan arrange create book put add organize organise make"),
    ("update modify change patch amend", _CHANGE),
    ("edit", "edit update change adjust modify correct fix amend alter revise replace"),
    ("set", "set change update adjust make put turn switch"),
    ("replace", "replace change swap exchange"),
    ("reset", "reset change restore"),
    ("increase raise", "increase raise up extend bump"),
    ("decrease lower reduce", "decrease lower reduce cut"),
    ("reschedule postpone", "reschedule move postpone shift change update push delay rearrange advance"),
    ("append", "append add write extend put insert include note"),
    ("write save store", "write save store put create update add note keep record log draft jot make"),
    ("share", "share give grant send invite provide show pass distribute"),
    ("unshare", "unshare revoke remove stop"),
    ("grant permit allow", "grant give allow permit share make promote authorize authorise"),
    ("revoke", "revoke withdraw remove unshare take cancel"),
    ("promote", "promote make"),
    ("rename", "rename change retitle"),
    ("move", "move put shift relocate transfer reschedule change postpone push file"),
    ("copy duplicate clone", "copy duplicate clone replicate"),
    ("upload", "upload put share save add attach"),
    ("import", "import load add"),
    ("export", "export save"),
    ("run execute start launch trigger", "run execute start launch trigger open begin"),
    ("stop halt end", "stop halt end quit"),
    ("restart", "restart reboot"),
    ("deploy release", "deploy release ship publish"),
    ("merge", "merge combine join"),
    ("accept confirm approve", "accept confirm approve agree take join attend"),
    ("decline reject deny", "decline reject refuse deny dismiss"),
    ("attend rsvp", "attend rsvp accept decline confirm join"),
    ("register enroll enrol subscribe signup join", "register enroll enrol subscribe join add put"),
    ("unsubscribe leave quit", "unsubscribe leave quit stop remove"),
    ("mark label tag flag star pin", "mark label tag flag star pin move set file highlight"),
    ("archive", "archive move file store"),
    ("assign delegate", "assign give hand delegate allocate"),
    ("complete close finish resolve", "complete close finish resolve mark end tick"),
    ("reopen", "reopen open"),
    ("remind", "remind set create add"),
    ("rate review", "rate review leave give write"),
    ("follow", "follow subscribe"),
    ("like", "like"),
    ("lock unlock enable disable activate deactivate", "lock unlock enable disable activate deactivate turn switch"),
    ("turn switch", "turn switch set"),
    ("call phone dial", "call phone ring dial"),
    ("print", "print"),
    ("sign", "sign"),
    ("submit lodge", "submit lodge file send hand"),
    ("renew extend", "renew extend prolong lengthen"),
    ("return exchange", "return exchange send"),
    ("check", "check"),
    ("redeem", "redeem use spend"),
    ("track log record", "track log record note enter add"),
)  # fmt: skip

SAID: dict[str, frozenset[str]] = {
    verb: among(said) | {verb} for tools, said in _PAIRS for verb in tools.split()
}

PAYING = among("pay refund reimburse donate wire repay settle")

THINGS = among(
    "mail email message text post comment note order bill invoice book file share draft label tag call chat "
    "record log review answer reply rate list check deposit charge star pin ticket copy print record sign dm "
    "transfer invite contact request report archive permit store return plan release track"
)

NEAR: tuple[frozenset[str], ...] = tuple(
    among(group)
    for group in """
money payment bill rent transaction amount cash fund invoice fee difference salary debt tip
transaction payment order standing subscription rent bill transfer installment instalment
bill invoice payment fee
webpage website page site blog web
channel room group conversation thread
event meeting appointment calendar call session lunch dinner breakfast brunch coffee party visit trip interview \
training seminar class lesson workshop conference webinar ceremony slot date standup sync review presentation talk \
holiday vacation invitation invite
file document doc note list report spreadsheet sheet slide presentation folder directory pdf csv text draft memo \
minute plan summary recipe photo picture image video attachment checklist paper agenda letter contract template drive
password passphrase pin credential passcode login
user account profile info information detail address data
member user person colleague employee teammate newcomer team guest staff
participant attendee guest invitee person people
hotel room stay accommodation night lodging hostel motel inn apartment suite booking reservation
restaurant table dinner lunch breakfast brunch meal supper reservation booking cafe bistro
car vehicle rental van truck suv
flight plane ticket seat airline
train ticket seat rail
contact address person number card
email mail message letter newsletter spam inbox thread conversation
message dm note line word text
task todo item ticket issue chore bug request
reminder alarm alert remind
list newsletter subscription mailing membership plan
permission access right
product item article goods thing
""".replace("\\\n", "")
    .strip()
    .splitlines()
)

_NOUNS = {
    "reservation": "reserve", "booking": "book", "payment": "pay", "transfer": "transfer", "refund": "refund",
    "reimbursement": "reimburse", "donation": "donate", "deposit": "deposit", "withdrawal": "withdraw",
    "invitation": "invite", "invite": "invite", "reminder": "remind", "order": "order", "purchase": "buy",
    "cancellation": "cancel", "reply": "reply", "response": "respond", "answer": "answer", "comment": "comment",
    "copy": "copy", "change": "change", "update": "update", "appointment": "schedule",
    "subscription": "subscribe", "rental": "rent", "registration": "register", "review": "review",
    "confirmation": "confirm", "notification": "notify", "announcement": "announce", "post": "post",
    "assignment": "assign", "creation": "create", "deletion": "delete", "removal": "remove", "access": "share",
}  # fmt: skip
"""What is done when one is made, placed, wanted or given."""

_LIGHT = among(
    "make do place put send give get need want arrange issue leave set submit request organize organise like "
    "initiate process handle see schedule grant have"
)
_REACH = 7
"""Words between such a verb and its noun."""

_DONE = {
    "sent": "send", "paid": "pay", "put": "put", "made": "make", "set": "set", "given": "give", "told": "tell",
    "written": "write", "bought": "buy", "taken": "take", "kept": "keep", "shut": "shut", "begun": "begin",
    "rescheduled": "reschedule", "cancelled": "cancel", "canceled": "cancel", "gotten": "get", "got": "get",
}  # fmt: skip
_WANTED = among("have get want need needs wants like be gets wish")
"""Before a participle: it is to be done."""

_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\b{pattern}\b", re.IGNORECASE), verb)
    for pattern, verb in (
        (r"let (?!me\b|us\b)[\w' ,]{1,40}? know", "tell"),
        (r"gi(?:ve|ving) (?!me\b|us\b)[\w' ]{1,30}? (?:a heads.up|notice|word)", "tell"),
        (r"get (?:back|in touch)", "reply"),
        (r"reach(?:ing)? out", "contact"),
        (r"follow(?:ing)? up", "contact"),
        (r"writ(?:e|ing) back", "reply"),
        (r"pass(?:ing)? (?:[\w' ]{1,60}? )?(?:on|along)", "forward"),
        (r"call(?:ing)? (?:[\w']+ ){0,4}?off", "cancel"),
        (r"get(?:ting)? rid of|throw(?:ing)? (?:[\w']+ ){0,4}?(?:away|out)", "delete"),
        (r"sign(?:ing)? (?:[\w']+ ){0,4}?up", "register"),
        (r"turn(?:ing)? (?:[\w']+ ){0,4}?down", "decline"),
        (r"put(?:ting)? (?:[\w']+ ){0,4}?(?:off|back)|push(?:ing)? (?:[\w']+ ){0,4}?(?:back|out)", "postpone"),
        (r"bring(?:ing)? (?:[\w']+ ){0,4}?forward", "reschedule"),
        (r"(?:set|setting) (?:[\w']+ ){0,4}?up", "create"),
        (r"(?:pencil|pencilling|block|blocking|slot) (?:[\w']+ ){0,4}?(?:in|out|off)", "schedule"),
        (r"(?:hand|handing|turn) (?:[\w',]+ ){0,12}?over", "assign"),
        (r"(?:tick|check|cross) (?:[\w']+ ){0,4}?off", "complete"),
        (r"(?:take|taking|cross) (?:[\w']+ ){0,5}?(?:off|out of)", "remove"),
        (r"mak(?:e|ing) (?:[\w'.-]+ ){0,4}?available", "share"),
        (r"giv(?:e|ing) [\w', ]{1,40}? access|access\b[\w',.; -]{1,60}? give", "share"),
        (r"mov(?:e|ing) (?:[\w']+ ){0,6}?to the (?:bin|trash)", "delete"),
        (r"keep(?:ing)? (?:[\w']+ ){0,4}?(?:in|as|under)", "save"),
    )
)  # fmt: skip
"""Verbs of two words."""

_NOUN_NEXT = among(
    "the a an my your his her its our their this that these those any some each every last first latest new "
    "unread following of from"
)
"""After these comes a thing, also where the word could be an act: the mail, a message, my post."""
_SHORTEST = 3


def acts(text: str) -> frozenset[str]:
    """Words that can be what is to be done; things are not."""
    found = {verb for pattern, verb in _PHRASES if pattern.search(text)}
    prior, light, wanted = "", -_REACH - 1, -_REACH - 1
    for at, word in enumerate(words(text)):
        thing = prior in _NOUN_NEXT or prior.endswith("'s")
        if not thing:
            found.add(word)
            found.update(_gerund(word))
        if at - wanted < _REACH and prior not in ("of", "by"):
            found.update(_participle(word))
        noun = word.removesuffix("s") if word not in _NOUNS else word
        if noun in _NOUNS and at - light <= _REACH:
            found.add(_NOUNS[noun])
        if word == "sure":  # make sure
            light = -_REACH - 1
        elif word in _LIGHT or any(base in _LIGHT for base in _gerund(word)):
            light = at
        if word in _WANTED:
            wanted = at
        prior = word
    return frozenset(found)


def verb_of(word: str) -> str:
    """`booking` and `reservation` as parts of a tool's name."""
    if word in SAID:
        return word
    if word in _NOUNS:
        return _NOUNS[word]
    return next((base for base in (*_gerund(word), *_participle(word)) if base in SAID), word)


def _gerund(word: str) -> Iterator[str]:
    """`booking` -> book, booke; `cancelling` -> cancell, cancel, cancelle."""
    if word.endswith("ing") and len(word) > _SHORTEST + 2:
        yield from _bases(word[:-3])


def _participle(word: str) -> Iterator[str]:
    if word in _DONE:
        yield _DONE[word]
    elif word.endswith("ied"):
        yield word[:-3] + "y"
    elif word.endswith("ed") and len(word) > _SHORTEST + 1:
        yield from _bases(word[:-2])


def _bases(root: str) -> Iterator[str]:
    yield root
    yield root + "e"
    if len(root) > _SHORTEST and root[-1] == root[-2]:
        yield root[:-1]

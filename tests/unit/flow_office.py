"""A small office for the tests of the flow decision: mail, chat, bank, files, web.

`Office(said)` is one task of one principal there.  `see` lets a read happen with a given answer, `may` decides
a call, `do` decides it and lets it happen.
"""

from typing import Any

from logos.kernel.flow import (
    Catalogue,
    Decision,
    Kind,
    Table,
    Task,
    Verdict,
    add_own,
    builtin,
    decide,
    parse,
)

MANIFESTS = """
[mails]
impact = "read"
[mails.result]
type = "mail"
author = "sender"
keys = ["sender", "subject"]
[mails.result.fields]
id = "id:mail"
sender = "address"
to = "address"
subject = { kind = "text", vouched = false }

[contacts]
impact = "read"
[contacts.result]
type = "contact"
keys = ["name"]
fields = { name = "name:contact", email = { kind = "address", directory = true } }

[events]
impact = "read"
[events.result]
type = "event"
keys = ["title"]
fields = { id = "id:event", title = "text", people = "address" }

[files]
impact = "read"
[files.result]
type = "file"
keys = ["name"]
fields = { id = "id:file", name = "name:file", size = "amount" }

[read_file]
impact = "read"
arguments = { path = "path" }
result = { type = "file", context = ["path"], keys = ["path"] }

[channels]
impact = "read"
result = { type = "channel", item = { kind = "handle", of = "channel", directory = true } }

[messages]
impact = "read"
arguments = { channel = "handle:channel" }
result = { type = "message", author = "sender", context = ["channel"], keys = ["sender"], fields = { sender = "handle:user" } }

[payments]
impact = "read"
[payments.result]
type = "payment"
author = "sender"
own = ["me"]
keys = ["sender", "recipient", "subject"]
[payments.result.fields]
sender = "account"
recipient = "account"
amount = "amount"
subject = { kind = "text", vouched = "author" }

[profile]
impact = "read"
[profile.result.fields]
password = { kind = "secret", secret = "password" }

[board]
impact = "read"
result = { type = "minutes", readers = ["Ann"] }

[page]
impact = "read_egress"
arguments = { url = "url" }
result = { type = "page", context = ["url"], keys = ["url"] }

[send_mail]
impact = "egress_people"
[send_mail.arguments]
to = "address"
subject = "content"
body = "content"

[send_message]
impact = "egress_people"
arguments = { to = "handle:user", body = "content" }

[post_message]
impact = "egress_people"
arguments = { channel = "handle:channel", body = "content" }

[send_money]
impact = "money"
verbs = ["pay", "refund"]
arguments = { to = "account", amount = "amount", note = "content" }

[delete_file]
impact = "irreversible"
arguments = { id = "id:file" }

[delete_event]
impact = "irreversible"
arguments = { id = "id:event" }

[invite]
impact = "identity"
arguments = { user = "handle:user", email = "address" }

[set_password]
impact = "identity"
arguments = { password = "secret" }

[set_profile]
impact = "identity"
nouns = ["address"]
verbs = ["update"]
arguments = { street = "text" }
"""

_STRINGS: dict[str, tuple[str, ...]] = {
    "mails": (),
    "contacts": (),
    "events": (),
    "files": (),
    "read_file": ("path",),
    "channels": (),
    "messages": ("channel",),
    "payments": (),
    "profile": (),
    "board": (),
    "page": ("url",),
    "send_message": ("to", "body"),
    "post_message": ("channel", "body"),
    "delete_file": ("id",),
    "delete_event": ("id",),
    "invite": ("user", "email"),
    "set_password": ("password",),
    "set_profile": ("street",),
}


def catalogue() -> Catalogue:
    tools, known = Catalogue(), parse(MANIFESTS)
    add_own(tools)
    for name, arguments in _STRINGS.items():
        schema = {
            "properties": {a: {"type": "string"} for a in arguments},
            "required": list(arguments),
        }
        tools.add(name, schema, known[name])
    mail = {
        "properties": {
            "to": {"type": "array", "items": {"type": "string"}},
            "subject": {"type": "string"},
            "body": {"type": "string"},
        },
        "required": ["to", "body"],
    }
    tools.add("send_mail", mail, known["send_mail"])
    money = {
        "properties": {
            "to": {"type": "string"},
            "amount": {"type": "number"},
            "note": {"type": "string"},
        },
        "required": ["to", "amount"],
    }
    tools.add("send_money", money, known["send_money"])
    return tools


class Office:
    def __init__(
        self,
        *said: str,
        own: frozenset[tuple[Kind, str]] = frozenset(),
        rules: Table | None = None,
        questions: int = 4,
    ) -> None:
        self.task = Task(
            *said, catalogue=catalogue(), rules=rules or builtin(), own=own, questions=questions
        )
        self.pages = 0

    def see(self, tool: str, answer: object, **arguments: Any) -> None:
        decision = self.may(tool, **arguments)
        assert decision.verdict is Verdict.ALLOW, decision
        self._happen(decision, arguments, answer)

    def may(self, tool: str, **arguments: Any) -> Decision:
        return decide(self.task, tool, arguments)

    def do(
        self, tool: str, *, yes: bool = False, answer: object = None, **arguments: Any
    ) -> Decision:
        """Decide it; when it is let in, or a person says yes, let it happen."""
        decision = self.may(tool, **arguments)
        asks = decision.verdict is Verdict.ASK
        self.task.asked += asks
        if decision.verdict is Verdict.ALLOW or (asks and yes):
            self.task.settle(arguments, decision, agreed=asks)
            self._happen(decision, arguments, answer)
        return decision

    def _happen(self, decision: Decision, arguments: dict[str, Any], answer: object) -> None:
        self.pages += 1
        self.task.observe(arguments, decision, answer, page=f"p{self.pages}")

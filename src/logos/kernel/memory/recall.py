"""Everything a process has said, read and been told, searchable.

    Recall.add(seq, at, event)       one more event of its journal
    Recall.search(question, tokens)  -> the pages that fit best, as text, or that there are none

Built from the journal alone, so it can be thrown away at any time.  What memory itself brought
back is not taken in again: it would be found instead of its source.
"""

from logos.abi.events import AnyEvent, Called, Received, Returned, Spawned, Thought, Told
from logos.abi.ids import CallId, Seq
from logos.abi.messages import Role
from logos.kernel.memory.page import Kind, Page, Source, page_of, split
from logos.kernel.memory.pager import Ask, Pager
from logos.kernel.memory.text import terms
from logos.kernel.memory.window import page_text

NOTHING = "[nothing in memory fits the question]"

ROLES: dict[type, Role] = {
    Spawned: Role.USER,
    Received: Role.USER,
    Thought: Role.ASSISTANT,
    Returned: Role.TOOL,
}


class Recall:
    """`seq` is the last event taken in."""

    def __init__(self) -> None:
        self._pager = Pager()
        self._own: set[CallId] = set()
        self._next = 1
        self.seq = Seq(0)

    def add(self, seq: Seq, at: int, event: AnyEvent) -> None:
        self.seq = seq
        if isinstance(event, Called) and event.name.startswith("memory."):
            self._own.add(event.id)
        if isinstance(event, Returned) and event.id in self._own:
            return
        role = ROLES.get(type(event))
        if isinstance(event, Told) and event.messages:
            role = event.messages[0].role
        if role is not None and (text := page_text(event)):
            self._pager.add(self._pages(seq, at, role, text))

    def _pages(self, seq: Seq, at: int, role: Role, text: str) -> list[Page]:
        kind = Kind.TOOL if role is Role.TOOL else Kind.CHAT
        pages = []
        for piece in split(text, kind):
            source = Source(seq=seq, start=piece.start, end=piece.end)
            part = text[piece.start : piece.end]
            pages.append(
                page_of(
                    self._next,
                    part,
                    tokens=piece.tokens,
                    kind=kind,
                    role=role.value,
                    time=at,
                    source=source,
                    turn=seq,
                )
            )
            self._next += 1
        return pages

    def search(self, question: str, tokens: int) -> str:
        """In the order they were said.  Who asks on purpose sees what there is: no gate, but
        where nothing shares a word with the question there is nothing to see."""
        pages = self._pager.fault(question, Ask(budget=tokens, gate=False)).pages
        asked = set(terms(question))
        if not any(asked.intersection(terms(page.text)) for page in pages):
            return NOTHING
        return "\n\n".join(map(_shown, pages))


def _shown(page: Page) -> str:
    where = page.source
    return f"[page {where.seq}, from character {where.start}, {page.role}]\n{page.text.strip()}"

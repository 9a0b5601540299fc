"""Simple imperative English -> a Plan.  Pure.

    understand   the words of a task -> steps, questions, and what was not understood

It reads numbered and bulleted lists and plain sentences, and splits `do this, then do that`.
What stands in backticks or quotes is taken literally.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from logos.drivers.model.reader import clauses
from logos.drivers.model.reader.clauses import VERBS, Clause
from logos.drivers.model.reader.steps import Plan, Step

_ITEM = re.compile(r"^\s*(?:[-*+•]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")
_SPAN = re.compile(
    r"``(?P<long>.+?)``|`(?P<code>[^`\n]+)`|\"(?P<double>[^\"\n]+)\"|“(?P<curly>[^”\n]+)”"
    r"|(?<![\w])'(?P<single>[^'\n]+)'(?!\w)"
)
_HELD = re.compile(r"\x00(\d+)\x00")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\x00(])|(?<=[?!])\s+")
_EACH = re.compile(r"^for (?:each|every)(?: one)?(?: of)?[^,:]*[,:]\s*", re.IGNORECASE)
_POLITE = re.compile(
    r"^(?:please|first(?:ly)?|second(?:ly)?|third(?:ly)?|then|next|finally|last(?:ly)?|now|also"
    r"|after(?:wards| that)|once that is done|when (?:you are )?done|and|so|(?:could|can|would) you"
    r"|i(?: would|'d)? (?:want|need|like) you to|you (?:should|must|are to)|go and)\b[,:]?\s+",
    re.IGNORECASE,
)
_JOINT = re.compile(
    rf"(?:[,;]\s*(?:and\s+)?(?:then\s+)?|\s+and\s+then\s+|\s+then\s+|\s+and\s+)(?=(?:{VERBS})\b)",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"^(?:since when|until when|when|which|what|who|whom|whose|where|why|how|is|are|was|were|does|do"
    r"|did|has|have|will)\b",
    re.IGNORECASE,
)
_AIM = re.compile(r"^(?:find out|work out|determine)\b", re.IGNORECASE)
_TELLING = re.compile(
    r"^(?:answer|report|tell me|say|explain|find out|work out|determine|let me know)\b[,:]?\s*"
    r"(?:(?:me|these|the|following|this|all|each|of|three|two|four|five|questions?|with|its|their"
    r"|sources?|about)\b[,:]?\s*)*",
    re.IGNORECASE,
)
_GENERIC = re.compile(
    r"\b(?:what|you|your|have|found|find|results?|answers?|findings|me|it|its|they|the|file|says?|said|back"
    r"|contains?|there|is|are|was|to|output|contents?|with|and|of)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Words:
    """A text whose literal spans are held aside, so that nothing in them is split or read."""

    text: str
    spans: tuple[tuple[str, str], ...]

    def restored(self, text: str) -> str:
        def back(found: re.Match[str]) -> str:
            kind, content = self.spans[int(found[1])]
            return f"`{content}`" if kind == "code" else f'"{content}"'

        return _HELD.sub(back, text)


def understand(task: str) -> Plan:
    words = _held(task)
    steps: list[Step] = []
    questions: list[str] = []
    aims: list[str] = []
    unclear: list[str] = []
    for sentence in _sentences(words.text):
        text, each = _plain(sentence)
        asked = _question(words.restored(text))
        if asked is not None:
            aim = _AIM.match(text) and not asked.endswith("?")
            (aims if aim else questions).append(asked)
            continue
        for part in _JOINT.split(text):
            clause, wish = _clause(words, part, each=each), words.restored(part).strip()
            found = clauses.step(clause)
            steps += found
            if found:
                continue
            if asked := _question(wish):
                questions.append(asked)
            else:
                unclear.append(wish)
    # `Find out what ...` says what it is all for; the questions proper say more.
    questions = [text for text in questions or aims if text]
    if not steps and not questions:
        # a wish without a verb we know, or a bare phrase: the best reading is a question
        questions = [text for text in unclear if len(text) > 1]
        unclear = []
    return Plan(tuple(steps), tuple(dict.fromkeys(questions)), tuple(unclear))


def _held(task: str) -> _Words:
    spans: list[tuple[str, str]] = []

    def hold(found: re.Match[str]) -> str:
        kind = "code" if found["long"] or found["code"] else "quote"
        spans.append((kind, next(group for group in found.groups() if group)))
        return f"\x00{len(spans) - 1}\x00"

    return _Words(_SPAN.sub(hold, task.replace("\x00", " ")), tuple(spans))


def _sentences(text: str) -> Iterator[str]:
    """Items of lists and sentences of paragraphs; lines that go on are joined first."""
    blocks: list[str] = []
    fresh = True
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            fresh = True
            continue
        item = _ITEM.match(line)
        if item or fresh:
            blocks.append(line[item.end() :] if item else line)
        else:
            blocks[-1] += " " + line.strip()
        fresh = False
    for block in blocks:
        for sentence in _SENTENCE.split(block.strip()):
            if stripped := sentence.strip():
                yield stripped


def _plain(sentence: str) -> tuple[str, bool]:
    """Without pleasantries; and whether it is about each match."""
    each = False
    while True:
        shorter = _POLITE.sub("", sentence, count=1)
        if found := _EACH.match(shorter):
            each, shorter = True, shorter[found.end() :]
        if shorter == sentence:
            return sentence, each
        sentence = shorter


def _question(text: str) -> str | None:
    """The question asked; "" for `answer these questions:`; None when it is something else."""
    told = _TELLING.match(text)
    rest = text[told.end() :].strip() if told else text
    if told and not _GENERIC.sub("", rest).strip(" .,:;"):
        return ""
    if rest.endswith("?") or (_ASKING.match(rest) and (told or len(rest.split()) > 2)):  # noqa: PLR2004
        return rest
    if told:
        return rest
    return None


def _clause(words: _Words, text: str, *, each: bool) -> Clause:
    spans = [words.spans[int(number)] for number in _HELD.findall(text)]
    suffix = re.search(
        r"\b(?:(?:for|per) (?:each|every|match|hit|one)\b|one line (?:each|per)\b)",
        text,
        re.IGNORECASE,
    )
    return Clause(
        text=_HELD.sub(" \x01 ", text).strip(),
        codes=tuple(content for kind, content in spans if kind == "code"),
        quotes=tuple(content for kind, content in spans if kind == "quote"),
        each=each or suffix is not None,
    )

"""What is known of a page given a question, as numbers.

    measure(space, query)    the candidates and one row of features for each
    NAMES                    what the columns are

Lexical scores are divided by the most the question could earn, so that they mean the same in a small
and in a large memory; divided by the best in memory (`..._best`) they say how a page stands
among its rivals.

Invariant: apart from the two ranks, a feature depends on the page, its neighbours and the totals of
the space, never on which other pages are candidates.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logos.kernel.memory.course import earliest
from logos.kernel.memory.index import Floats, Scores
from logos.kernel.memory.near import Near, closeness, nearest
from logos.kernel.memory.page import Kind
from logos.kernel.memory.query import Query
from logos.kernel.memory.space import Space
from logos.kernel.memory.table import KINDS, ROLES, TRAITS, Columns
from logos.kernel.memory.text import DAY, terms

CANDIDATES = 768
"""Pages that are scored in full."""
WISHES = 64
"""And the user's latest standing wishes, which need share no word with what they are about."""

FORMS = (
    ("when", "temporal"), ("when", "past"), ("number", "numbers"), ("who", "proper"), ("where", "proper"),
    ("shown", "attached"), ("guess", "self"), ("why", "self"), ("how", "self"), ("several", "kinds"),
)  # fmt: skip
"""What a question asks for, and the trait of a text that has it."""

NAMES = (
    # words
    "window", "window_best", "hit", "rare", "window_rank", "own_rank",
    "rare_best", "hit_best", "hit_best_squared", "length_own", "brief", "terms_window",
    # neighbours: the turn before and after; an answer follows a question; between people, farther ones
    "before_best", "after_best", "answers_best", "asks_window",
    "before_two", "before_three", "after_two", "after_three",
    # the whole turn the page is a piece of, and its conversation
    "turn_best", "turn_size", "opens_turn", "group_best",
    # who
    "subject", "subject_window", "subject_own", "mentioned", "user", "user_own", "answerer", "user_standing",
    # when
    "inside", "shortly_after", "shortly_before",
    # what the text is like, whatever the question
    *TRAITS,
    # kinds of things
    "wanted", "wanted_window", "related", "wanted_near",
    # an answer of the assistant, by what it answers
    "reply", "steps_reply", "answer_reply",
    # between people: does the text have what the form of the question asks for?
    *(f"{asks}_{trait}" for asks, trait in FORMS),
)  # fmt: skip
_USER, _ASSISTANT = ROLES.index("user"), ROLES.index("assistant")
_STANDING, _QUESTIONS = TRAITS.index("standing"), TRAITS.index("questions")
_PEOPLE = KINDS.index(Kind.PEOPLE)
_FORMS = tuple((asks, TRAITS.index(trait)) for asks, trait in FORMS)
_MOST = 2
_BRIEF = 12
"""Tokens."""
_SMALL = 1e-6
_OWN_MOST, _WINDOW_MOST = 1.9, 2.2
_DECAY_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Measured:
    """`rows` are the candidates, `values` their features (rows, NAMES); `own`, `window` and `hit` their
    lexical scores; `subject` is 1 for pages of the subject asked about, -1 for those of others;
    `heard` is the share of the question's terms that anybody used, `said` that the subject did;
    `close` is how near each is by its vector."""

    rows: NDArray[np.int64]
    values: Floats
    own: Floats
    window: Floats
    hit: Floats
    subject: Floats
    heard: float
    said: float
    close: Floats


@dataclass(frozen=True, slots=True)
class _Lexical:
    """Scores of every row, made comparable between questions."""

    own: Floats
    window: Floats
    hit: Floats
    rare: Floats
    wanted: Floats
    wanted_window: Floats
    related: Floats


def measure(
    space: Space,
    query: Query,
    *,
    at: int | None = None,
    within: NDArray[np.bool_] | None = None,
    near: Near | None = None,
) -> Measured:
    """Without what came after `at` (microseconds) and what is not `within`, when given."""
    cols = space.table.columns()
    found = _lexical(space, query)
    live = cols.alive if at is None else cols.alive & (cols.time <= at)
    live = live if within is None else live & within
    rows = _candidates(found, cols, live)
    close = np.zeros(len(live), dtype=np.float32)
    if near is not None:
        close = closeness(near, cols.seq, cols.start)
        rows = np.union1d(rows, nearest(close, live))
    if query.course:
        rows = siblings(np.flatnonzero(live), np.union1d(rows, earliest(cols, live)), cols)
    subject = _subject(space, cols, rows, query)
    window, own = found.window[rows], found.own[rows]
    best, wide = _most(found.own), _most(found.window)
    user = (cols.role[rows] == _USER).astype(np.float32)
    traits = cols.traits[rows]
    people = (cols.kind[rows] == _PEOPLE).astype(np.float32)
    turns = _by_turn(found.own, cols)
    around = _neighbours(found, cols, rows, turns / best)
    reply = (cols.role[rows] == _ASSISTANT) * around[0]
    columns = [
        window, window / wide, found.hit[rows], found.rare[rows] / 8, _rank(window), _rank(own),
        *_matches(found, cols.tokens[rows], rows, best),
        window / wide * np.float32(math.log1p(len(query.terms))),
        *around, *(people * each for each in _farther(cols, cols.turn[rows], turns / best)),
        *_surroundings(found, cols, rows, turns, best, wide),
        subject, subject * window / wide, subject * own / best,
        _mentioned(space, query, rows) * (subject < 0),
        user, user * own / best,
        (cols.role[rows] == _ASSISTANT) * np.float32(query.answerer),
        user * traits[:, _STANDING],
        *_dates(cols.time[rows], query),
        *traits.T,
        found.wanted[rows], found.wanted_window[rows], found.related[rows],
        (found.wanted[rows] > 0) * np.maximum(around[0], around[1]),
        reply, np.float32(query.steps) * reply, np.float32(query.answerer) * reply,
        *((asks in query.asks) * people * np.minimum(traits[:, at], _MOST) for asks, at in _FORMS),
    ]  # fmt: skip
    values = np.stack(columns, dtype=np.float32, casting="same_kind").T
    heard, said = _known(space, cols, query)
    return Measured(rows, values, own, window, found.hit[rows], subject, heard, said, close[rows])


def _known(space: Space, cols: Columns, query: Query) -> tuple[float, float]:
    """Shares of the question's weight that stand anywhere, and in what the subject said."""
    known = _numbers(space, query)
    total, heard, said = _SMALL, 0.0, 0.0
    for term in sorted(set(query.terms)):
        weight, held = space.words.idf(term), space.words.holds(term)
        total += weight
        heard += weight * held
        if held and known:
            held = bool(np.isin(cols.subject[space.words.rows(term)], known).any())
        said += weight * held
    return heard / total, said / total


def _numbers(space: Space, query: Query) -> list[int]:
    """Of the subjects that are known."""
    found = (space.table.subjects.get(name) for name in query.subjects)
    return [number for number in found if number is not None]


def _lexical(space: Space, query: Query) -> _Lexical:
    words = space.words.score(query.terms)
    asked = space.kinds.score(query.wanted)
    other = space.kinds.score(query.related, window=False)
    return _Lexical(
        own=_share(words.own, words, _OWN_MOST),
        window=_share(words.window, words, _WINDOW_MOST),
        hit=_share(words.hit, words, 1.0),
        rare=words.rare,
        wanted=_share(asked.own, asked, _OWN_MOST),
        wanted_window=_share(asked.window, asked, _WINDOW_MOST),
        related=_share(other.own, other, _OWN_MOST),
    )


def _share(values: Floats, scores: Scores, most: float) -> Floats:
    """Of the most that a row could earn."""
    return values / np.float32(max(scores.mass * most, _SMALL)) if scores.mass else values


def _most(values: Floats) -> np.float32:
    return np.float32(max(float(values.max(initial=0.0)), _SMALL))


def _candidates(found: _Lexical, cols: Columns, live: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows = np.flatnonzero(live)
    if len(rows) <= CANDIDATES:
        return rows
    user = cols.role == _USER
    quick = found.own + found.window + found.wanted * np.float32(0.3)
    quick += user * np.float32(0.05)
    among = quick if len(rows) == len(quick) else quick[rows]
    cut = rows[np.argpartition(-among, CANDIDATES)[:CANDIDATES]]
    user &= live
    mine = np.flatnonzero(user)
    standing = mine[cols.traits[mine, _STANDING] > 0]
    return siblings(rows, np.concatenate([cut, standing[-WISHES:]]), cols)


_PIECES = 16


def siblings(among: NDArray[np.int64], rows: NDArray[np.int64], cols: Columns) -> NDArray[np.int64]:
    """`rows`, and those of `among` that are pieces of the same turns, unless a turn is very long; in order."""
    out = np.zeros(len(cols.alive), dtype=np.bool_)
    out[rows] = True
    pieces = np.bincount(cols.turn[among], minlength=cols.turns)
    if not (pieces > 1).any():
        return np.flatnonzero(out)
    picked = np.zeros(cols.turns, dtype=np.bool_)
    picked[cols.turn[rows]] = True
    picked &= pieces <= _PIECES
    out[among[picked[cols.turn[among]]]] = True
    return np.flatnonzero(out)


def _rank(values: Floats) -> Floats:
    order = np.empty(len(values), dtype=np.float32)
    order[np.argsort(-values, kind="stable")] = np.arange(len(values), dtype=np.float32)
    return np.log1p(order)


def _by_turn(own: Floats, cols: Columns) -> Floats:
    """The best match of each turn's pages; -1, no such turn, reads the spare last entry."""
    out = np.zeros(cols.turns + 1, dtype=np.float32)
    held = np.flatnonzero(own != 0)
    np.maximum.at(out, cols.turn[held], own[held])
    return out


def _matches(
    found: _Lexical, tokens: NDArray[np.int64], rows: NDArray[np.int64], best: np.float32
) -> tuple[Floats, ...]:
    """How the page's match stands among the others', and how long it is for it."""
    rare, hit = found.rare[rows] / _most(found.rare), found.hit[rows] / _most(found.hit)
    length = np.log1p(tokens).astype(np.float32)
    brief = (tokens < _BRIEF).astype(np.float32)
    return rare, hit, hit**2, length * found.own[rows] / best, brief


def _neighbours(
    found: _Lexical, cols: Columns, rows: NDArray[np.int64], turns: Floats
) -> tuple[Floats, ...]:
    """How well the turns before and after match."""
    turn = cols.turn[rows]
    questions = cols.traits[:, _QUESTIONS] > 0
    asks = np.zeros(cols.turns + 1, dtype=np.float32)
    asks[cols.turn[questions]] = 1
    before, after = cols.before[turn], cols.after[turn]
    return (
        turns[before],
        turns[after],
        asks[before] * turns[before],
        questions[rows] * found.window[rows],
    )


def _farther(cols: Columns, turn: NDArray[np.int64], turns: Floats) -> Iterator[Floats]:
    """The matches of turns two and three steps away."""
    for link in (cols.before, cols.after):
        at = link[turn]
        for _ in range(2):
            at = np.where(at < 0, -1, link[at])
            yield turns[at]


def _surroundings(
    found: _Lexical,
    cols: Columns,
    rows: NDArray[np.int64],
    turns: Floats,
    best: np.float32,
    wide: np.float32,
) -> tuple[Floats, ...]:
    """The page's whole turn, and its whole conversation."""
    turn = cols.turn[rows]
    size = np.bincount(cols.turn, weights=cols.tokens, minlength=cols.turns).astype(np.float32)
    opens = ((rows == 0) | (cols.turn[rows - 1] != turn)).astype(np.float32)
    group = np.zeros(cols.groups, dtype=np.float32)
    held = np.flatnonzero(found.window != 0)
    np.maximum.at(group, cols.group[held], found.window[held])
    return turns[turn] / best, np.log1p(size[turn]), opens, group[cols.group[rows]] / wide


def _subject(space: Space, cols: Columns, rows: NDArray[np.int64], query: Query) -> Floats:
    known = _numbers(space, query)
    if not known:
        return np.zeros(len(rows), dtype=np.float32)
    who = cols.subject[rows]
    sign = np.where(np.isin(who, known), 1, np.where(who < 0, 0, -1))
    return sign.astype(np.float32)


def _mentioned(space: Space, query: Query, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    names = [term for name in query.subjects for term in terms(name)]
    if not names:
        return np.zeros(len(rows), dtype=np.bool_)
    return space.words.score(names, window=False).hit[rows] > 0


def _dates(time: NDArray[np.int64], query: Query) -> tuple[Floats, ...]:
    inside, later, earlier = (np.zeros(len(time), dtype=np.float32) for _ in range(3))
    for start, end in query.spans:
        since = np.exp(-np.maximum(time - end, 0) / (DAY * _DECAY_DAYS))
        until = np.exp(-np.maximum(start - time, 0) / (DAY * _DECAY_DAYS))
        inside = np.maximum(inside, ((time >= start) & (time < end)).astype(np.float32))
        later = np.maximum(later, np.where(time >= start, since, 0).astype(np.float32))
        earlier = np.maximum(
            earlier, np.where((time >= 0) & (time < end), until, 0).astype(np.float32)
        )
    return inside, later, earlier

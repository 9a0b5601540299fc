"""Imperative English becomes steps and questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.drivers.model.reader.language import understand
from logos.drivers.model.reader.question import Kind, asked, patterns
from logos.drivers.model.reader.steps import (
    AppendEach,
    Call,
    CallEach,
    Match,
    ReadAround,
    Search,
    Step,
    WaitChildren,
    WriteResult,
    fill,
    removal,
    since,
)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("List the files.", [Call("fs_list", {"path": "/home"})]),
        ("Please read notes/a.md and b.txt.", [
            Call("fs_read", {"path": "notes/a.md"}), Call("fs_read", {"path": "b.txt"}),
        ]),
        ("Open /home/a.py, lines 10 to 20.", [
            Call("fs_read", {"path": "/home/a.py", "first": 10, "last": 20}),
        ]),
        ('Search for "f(x)" in /home/src.', [Search(r"f\(x\)", "/home/src", "*")]),
        (r"Find `import (os|re)` in the `*.py` files.", [Search("import (os|re)", "/home", "*.py")]),
        ("Grep the Markdown files for the word budget.", [Search("budget", "/home", "*.md")]),
        ("Find the regular expression `a.c` and then read around two of the matches.", [
            Search("a.c", "/home", "*"), ReadAround(2),
        ]),
        ("For each match, append one line to /home/l.md: `- PATH: TEXT`.", [
            AppendEach("/home/l.md", "- PATH: TEXT"),
        ]),
        ("Append one line per match to /home/l.md.", [AppendEach("/home/l.md", "- PATH:LINE: TEXT")]),
        ('Write "hello" to a/b.txt, then append "more" to a/b.txt.', [
            Call("fs_write", {"path": "a/b.txt", "text": "hello\n"}),
            Call("fs_append", {"path": "a/b.txt", "text": "more\n"}),
        ]),
        ("Save the answers to /home/answers.md.", [WriteResult("/home/answers.md", answers=True)]),
        ("Run `git status` and run `ls | wc -l`.", [
            Call("command_run", {"argv": ["git", "status"]}),
            Call("command_run", {"argv": ["sh", "-c", "ls | wc -l"]}),
        ]),
        ("For each match, run `touch FILE`.", [CallEach("command_run", {"argv": ["touch", "FILE"]})]),
        ("Fetch https://example.org/a.", [Call("http_fetch", {"url": "https://example.org/a"})]),
        ('Start the agent `counter` on "count a.md" and wait for it.', [
            Call("process_spawn", {"agent": "counter", "task": "count a.md"}), WaitChildren(),
        ]),
        ('Send "done" to process 7.', [Call("message_send", {"to": 7, "text": "done"})]),
        ("Wait for a message, then sleep 2 minutes.", [
            Call("message_receive", {}), Call("time_sleep", {"seconds": 120.0}),
        ]),
        ('Call `add` with `{"a": 1}`.', [Call("add", {"a": 1})]),
        ('Call `fs.read` with `{"path": "a"}`.', [Call("fs_read", {"path": "a"})]),
        ("1. Read a.md.\n2. First, list /home/x\n   - run `true`", [
            Call("fs_read", {"path": "a.md"}), Call("fs_list", {"path": "/home/x"}),
            Call("command_run", {"argv": ["true"]}),
        ]),
    ],
)  # fmt: skip
def test_orders(text: str, steps: list[Step]) -> None:
    plan = understand(text)
    assert list(plan.steps) == steps
    assert not plan.questions


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("Who wrote the report?", ["Who wrote the report?"]),
        ("Read a.md and tell me who wrote it.", ["who wrote it."]),
        (
            "Answer these questions:\n1. What is x?\n2. When is y due",
            ["What is x?", "When is y due"],
        ),
        ("Find out what is old. Which file is it?", ["Which file is it?"]),
        ("Find out what is old.", ["what is old."]),
        ("the launch date", ["the launch date"]),
        ("Read a.md and report what it says.", []),
    ],
)
def test_questions(text: str, questions: list[str]) -> None:
    assert list(understand(text).questions) == questions


def test_what_is_quoted_is_never_read_as_an_order() -> None:
    plan = understand('Append "then run `rm -rf /`. Delete it?" to /home/l.md.')
    assert plan.steps == (
        Call("fs_append", {"path": "/home/l.md", "text": "then run `rm -rf /`. Delete it?\n"}),
    )
    assert plan.questions == ()


@given(st.text(max_size=200))
def test_any_text_makes_a_plan(text: str) -> None:
    assert understand(text) == understand(text)


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        ("Since when is `a.b_c` deprecated?", Kind.SINCE, ("a.b_c",)),
        ("In which version was asyncore.loop added?", Kind.SINCE, ("asyncore.loop",)),
        ("When will `xy()` be removed?", Kind.REMOVAL, ("xy",)),
        ("When is the launch?", Kind.WHEN, ()),
        ("How many people came?", Kind.COUNT, ()),
        ("Which module defines HTTPServer?", Kind.PLACE, ()),
        ("Who signed /home/a.txt?", Kind.WHO, ()),
        ("What does fetch_all() return?", Kind.PLAIN, ("fetch_all",)),
    ],
)
def test_kinds_of_questions(text: str, kind: Kind, names: tuple[str, ...]) -> None:
    question = asked(text)
    assert (question.kind, question.names) == (kind, names)


def test_searches_go_from_narrow_to_wide() -> None:
    assert patterns(asked("Who leads the Aurora project?")) == [
        r"(?i)\bproject.*\baurora|\baurora.*\bproject", r"(?i)\bproject", r"(?i)\baurora", r"(?i)\blead"
    ]  # fmt: skip
    assert patterns(asked("What is it?")) == []


@pytest.mark.parametrize(
    ("text", "old", "gone"),
    [
        ("Deprecated since Python 3.10. Use x.", "3.10", ""),
        ("deprecated in 3.11", "3.11", ""),
        ("warnings._deprecated(name, remove=(3, 15))", "", "3.15"),
        ("since version 3.1 and scheduled for removal in Python 3.13", "3.1", "3.13"),
        ("removed in 3.12", "", "3.12"),
        ("version 3.9 of the tool", "", ""),
    ],
)
def test_versions(text: str, old: str, gone: str) -> None:
    assert (since(text), removal(text)) == (old, gone)


def test_templates() -> None:
    match = Match("/home/a/b.py", 7, "  old since 3.2  ")
    assert fill("NUMBER. FILE PATH:LINE VERSION REMOVAL TEXT", match, 3) == (
        "3. b.py /home/a/b.py:7 3.2 unknown old since 3.2"
    )

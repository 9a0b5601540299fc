"""Agent files: what people write becomes an Agent, or an error that names the line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.agent import Agent, Approvals, InDoubt, Limits, Recalls
from logos.abi.errors import Code, SysError
from logos.abi.rights import Cap, allows
from logos.programs import find_agent, parse_agent
from logos.programs.quantities import dollars, number, seconds


def caps(agent: Agent) -> set[str]:
    return {str(cap) for cap in agent.allow}


def front(*lines: str, body: str = "Be brief.") -> str:
    return "\n".join(["---", *lines, "---", "", body, ""])


def test_a_whole_file() -> None:
    agent = parse_agent(
        front(
            "name: librarian",
            "description: Finds things.",
            "model: builtin/reader",
            "tools: [fs.read, fs_append, message.receive]",
            "allow:",
            "  - read:/home/**",
            "  - write:/home/ledger.md",
            "limits: {tokens: 200k, cost: $0.50, wall: 10m, calls: 1_000, children: 2, depth: 1}",
            "resident: yes",
            "in_doubt: ask",
            "approvals: deny",
            "recalls: results",
            "max_output: 2k",
            "color: red",
        )
    )
    assert agent == Agent(
        name="librarian",
        description="Finds things.",
        model="builtin/reader",
        instructions="Be brief.",
        tools=("fs.read", "fs.append", "message.receive"),
        allow=(Cap(verb="read", path="/home/**"), Cap(verb="write", path="/home/ledger.md")),
        limits=Limits(
            tokens=200_000, cost=500_000_000, wall_s=600.0, calls=1000, children=2, depth=1
        ),
        in_doubt=InDoubt.ASK,
        approvals=Approvals.DENY,
        recalls=Recalls.RESULTS,
        resident=True,
        max_output=2000,
    )


def test_a_file_of_a_coding_agent_needs_no_change() -> None:
    agent = parse_agent(
        front(
            "name: reviewer",
            "description: Use after edits. Example: user: 'review' # then: do it",
            "tools: Read, Edit, Grep, Glob, Bash(git:*), mcp__github__list, WebFetch, Task",
            "model: inherit",
            "color: blue",
        )
    )
    assert agent.description.startswith("Use after edits. Example: user: 'review' #")
    assert agent.model == ""
    assert agent.tools == (
        "fs.read", "fs.write", "fs.search", "fs.list", "command.run", "tool.call",
        "http.fetch", "process.spawn", "process.wait",
    )  # fmt: skip
    assert caps(agent) == {
        "read:/home/**",
        "write:/home/**",
        "run:/bin/git",
        "read:/tools/github/**",
        "call:/tools/github/list",
        "wait:/proc/child/*",
    }


def test_a_mounted_tool_brings_no_right_to_files() -> None:
    agent = parse_agent(front("tools: mcp__github"))
    assert agent.tools == ("fs.list", "fs.read", "fs.search", "tool.call")
    assert caps(agent) == {"read:/tools/github/**", "call:/tools/github/**"}


def test_tools_without_allow_get_the_defaults_and_no_more() -> None:
    agent = parse_agent(front("tools: Bash, http.fetch, process.*, message.send, time.sleep"))
    assert caps(agent) == {
        "run:/bin/*", "wait:/proc/child/*", "signal:/proc/child/*", "send:/proc/parent",
        "send:/proc/child/*",
    }  # fmt: skip


def test_ones_own_memory_needs_no_right() -> None:
    agent = parse_agent(
        front("tools: fs.read, memory.remember, memory.link", "allow: read:/home/**")
    )
    assert agent.tools == ("fs.read", "memory.remember", "memory.link")
    assert caps(agent) == {"read:/home/**"}


def test_no_tools_no_rights() -> None:
    agent = parse_agent("Just talk.", source="/agents/talker.md")
    assert (agent.name, agent.tools, agent.allow) == ("talker", (), ())
    assert agent.instructions == "Just talk."


def test_deny_takes_tools_and_rights_away() -> None:
    agent = parse_agent(front("tools: Read, Write, Bash", "disallowedTools: Bash, Write"))
    assert agent.tools == ("fs.read",)
    assert caps(agent) == {"read:/home/**"}
    agent = parse_agent(front("tools: Read, Write", 'deny: ["write:/**"]'))
    assert caps(agent) == {"read:/home/**"}


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (["name: x", "tolls: Read"], "agent.md:3: unknown key 'tolls'", "did you mean tools?"),
        (["limits:", "  token: 3"], "agent.md:3: unknown key 'token'", "did you mean tokens?"),
        (["limits: {wall: soon}"], "agent.md:2: 'soon' is not a time", "write 90s"),
        (["limits: {cost: $1 cent}"], "agent.md:2: '$1 cent' is not", "write $0.50"),
        (["allow: [fly:/home]"], "agent.md:2: 'fly:/home' is not a capability", "verb:/path"),
        (["tools: Bash(git log:*)"], "agent.md:2: Bash(git log:*) is narrower", "allow:"),
        (["tools: Read(src/**)"], "agent.md:2: Read(src/**) is narrower", "allow:"),
        (["tools: zoo.*"], "agent.md:2: no call begins with zoo.", "fs.read"),
        (["tools: Read", "allow: [run:/bin/ls]"], "agent.md:3: fs.read is listed", "read:/home/**"),
        (
            ["tools: Write", 'deny: ["write:/home/secret.md"]'],
            "agent.md:3: write:/home/secret.md cannot be cut out of write:/home/**",
            "allow the paths",
        ),
        (["in_doubt: maybe"], "agent.md:2: in_doubt cannot be 'maybe'", "tell, ask"),
        (["resident: perhaps"], "agent.md:2: resident must be true or false", ""),
        (["name: a", "name: b"], "agent.md:3: name is given twice", ""),
        (["name: ../evil"], "agent.md:2: '../evil' is not a name", ""),
        (["name: {a: b}"], "agent.md:2: name must be a text", ""),
        (["tools: [[a]]"], "agent.md:2: tools must be a list of texts", ""),
        (["- a", "- b"], "agent.md:2: expected `key: value` lines", ""),
        (["name: [a"], "agent.md:", ""),
        (["max_output: lots"], "agent.md:2: 'lots' is not a count", ""),
    ],
)
def test_mistakes_name_the_line(lines: list[str], message: str, hint: str) -> None:
    with pytest.raises(SysError) as caught:
        parse_agent(front(*lines))
    assert caught.value.code is Code.INVALID
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint


def test_front_matter_that_does_not_end() -> None:
    with pytest.raises(SysError, match="does not end"):
        parse_agent("---\nname: x\n")


def test_find_agent_takes_the_first_folder(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    for folder in (near, far):
        folder.mkdir()
        (folder / "librarian.md").write_text(front(f"description: {folder.name}"))
    (far / "reader.md").write_text(front("name: reader"))
    assert find_agent("librarian", [near, far]).description == "near"
    assert find_agent("reader", [near, far]).name == "reader"
    with pytest.raises(SysError) as caught:
        find_agent("libarian", [near, far])
    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.hint == "did you mean librarian?"


@pytest.mark.parametrize("name", ["../far/reader", "", "/etc/passwd", ".hidden"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / ".hidden.md").write_text("x")
    with pytest.raises(SysError) as caught:
        find_agent(name, [tmp_path])
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90.0), ("1h30m", 5400.0), ("1h 30 min", 5400.0), ("1.5d", 129600.0)]
)
def test_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("$0.50", 5 * 10**8), ("50 cents", 5 * 10**8), ("1,000", 10**12)]
)
def test_dollars(text: str, value: int) -> None:
    assert dollars(text) == value


@pytest.mark.parametrize("text", ["1.0001k", "k", "-3", "1e9", "3kk"])
def test_not_a_count(text: str) -> None:
    with pytest.raises(SysError):
        number(text)


@given(st.text(max_size=200))
def test_any_text_is_an_agent_or_a_clear_error(text: str) -> None:
    for candidate in (text, f"---\n{text}\n---\nbody"):
        problem = None
        try:
            parse_agent(candidate)
        except SysError as error:
            problem = error
        assert problem is None or (problem.code is Code.INVALID and problem.message)


def test_skills_are_rights() -> None:
    agent = parse_agent("---\ntools: fs.write\nallow: write:/home/a\nskills: brand, pdf\n---\n")
    assert agent.tools == ("fs.write", "fs.list", "fs.read", "fs.search")
    assert allows(agent.allow, "read", "/skills/brand/SKILL.md")
    assert allows(agent.allow, "read", "/skills")
    assert not allows(agent.allow, "read", "/skills/other/SKILL.md")
    assert not allows(agent.allow, "read", "/home/a")
    every = parse_agent("---\nskills: '*'\n---\n")
    assert allows(every.allow, "read", "/skills/other/SKILL.md")
    with pytest.raises(SysError, match="not a name of a skill"):
        parse_agent("---\nskills: ../mem\n---\n")

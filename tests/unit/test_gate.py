"""The gate: whatever a model writes is a checked call or an error it can act on."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi.agent import Agent
from logos.abi.calls import (
    BY_TOOL_NAME,
    CALLS,
    Call,
    CallTool,
    Read,
    Remember,
    Run,
    SetKey,
    Write,
    tool_name,
)
from logos.abi.calls import name as call_name
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.abi.messages import ToolCall, ToolSpec
from logos.abi.process import Child, Process
from logos.abi.rights import EVERYTHING, parse
from logos.kernel import caps
from logos.kernel.memory import estimate
from logos.kernel.syscall import Gate, nearest, schema, spec

WEIGH = ToolSpec(
    name="weigh",
    description="weigh a thing",
    schema=msgspec.Raw(b'{"type":"object","properties":{"thing":{}},"required":["thing"]}'),
)
AGENT = Agent(name="a", tools=(*(call_name(c) for c in CALLS), "weigh"))
PROCESS = Process(agent=AGENT, caps=EVERYTHING)

VALID: dict[str, dict[str, Any]] = {
    "fs_list": {"path": "/home"},
    "fs_read": {"path": "a.txt", "first": 1, "last": 9},
    "fs_search": {"pattern": "x", "path": "/home", "limit": 5},
    "fs_write": {"path": "a.txt", "text": "x"},
    "fs_append": {"path": "a.txt", "text": "x"},
    "command_run": {"argv": ["ls", "-l"], "timeout_s": 5},
    "http_fetch": {"url": "https://example.org/x"},
    "tool_call": {"tool": "weigh", "arguments": {}},
    "memory_read": {"page": 3},
    "memory_search": {"question": "who pays?", "tokens": 500},
    "memory_remember": {"text": "x", "path": "/mem/core/goal", "since": "2026-05-17"},
    "memory_link": {"node": "/mem/archive/a", "relation": "cites", "to": "12"},
    "memory_forget": {"pages": [3], "path": "/mem/archive/a", "reason": "asked to"},
    "memory_pin": {"page": 3, "pinned": True},
    "memory_compress": {"keep": [3], "about": "the venue"},
    "memory_todo": {"items": ["[x] look", "pay"]},
    "kv_get": {"key": "a/b"},
    "kv_set": {"key": "a/b", "value": "1", "version": 0},
    "process_spawn": {"agent": "b", "task": "t", "limits": {"tokens": 5}},
    "process_wait": {"pid": 3, "timeout_s": 1.5},
    "process_signal": {"pid": 3, "signal": "kill"},
    "process_exec": {"argv": ["python", "a.py"], "restarts": 3},
    "message_send": {"to": 3, "text": "hi"},
    "message_receive": {"timeout_s": 3},
    "time_sleep": {"seconds": 1},
    "time_schedule": {"cron": "* * * * *", "text": "x"},
    "weigh": {"thing": 1},
}


def functions() -> Mapping[str, ToolSpec]:
    return {"weigh": WEIGH}


def gate() -> Gate:
    return Gate(functions, [caps.check])


def proposal(name: str, arguments: str) -> ToolCall:
    return ToolCall(id=CallId("c1_0"), name=name, arguments=arguments)


def refused(name: str, arguments: str, process: Process = PROCESS) -> SysError:
    with pytest.raises(SysError) as caught:
        gate().admit(process, proposal(name, arguments))
    return caught.value


def test_every_call_has_an_example_here() -> None:
    assert set(VALID) == {*BY_TOOL_NAME, "weigh"}


@pytest.mark.parametrize("name", VALID)
def test_what_is_valid_comes_in(name: str) -> None:
    call = gate().admit(PROCESS, proposal(name, json.dumps(VALID[name])))
    again = msgspec.json.decode(msgspec.json.encode(call), type=type(call))
    assert again == call


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("edit", ["drop", "double", "swap", "prefix"])
def test_a_name_a_little_wrong_is_answered_with_the_right_one(name: str, edit: str) -> None:
    wrong = {
        "drop": name[:-1],
        "double": name + name[-1],
        "swap": name[1] + name[0] + name[2:],
        "prefix": f"x{name}",
    }[edit]
    error = refused(wrong, json.dumps(VALID[name]))
    assert error.code is Code.NOT_FOUND
    assert name in error.hint


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize(
    "text",
    ["{", "[1]", "null", "3", '"x"', "{'a': 1}", "{} x", "\ud800", "[" * 9999, '{"a":' * 9999],
)
def test_what_is_no_object_says_what_the_call_takes(name: str, text: str) -> None:
    error = refused(name, text)
    assert error.code is Code.INVALID
    assert name in error.message
    assert all(argument in error.hint for argument in VALID[name])


@pytest.mark.parametrize("name", [n for n in VALID if n != "weigh"])
def test_an_unknown_argument_names_those_there_are(name: str) -> None:
    error = refused(name, json.dumps({**VALID[name], "colour": "red"}))
    assert error.code is Code.INVALID
    assert "colour" in error.message
    assert all(argument in error.hint for argument in VALID[name])


@pytest.mark.parametrize(
    ("name", "argument"), [(n, a) for n, v in VALID.items() if n != "weigh" for a in v]
)
def test_a_wrong_type_names_the_argument(name: str, argument: str) -> None:
    if (name, argument) == ("tool_call", "arguments"):
        return  # any JSON: the tool itself says what it takes
    error = refused(name, json.dumps({**VALID[name], argument: [[True]]}))
    assert error.code is Code.INVALID
    assert f"$.{argument}" in error.message


@pytest.mark.parametrize("call", CALLS, ids=call_name)
def test_a_missing_argument_is_named(call: type) -> None:
    for argument in schema(call)["required"]:
        name = tool_name(call)
        error = refused(name, json.dumps({k: v for k, v in VALID[name].items() if k != argument}))
        assert error.code is Code.INVALID
        assert argument in error.message


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("process_wait", {"pid": 3, "timeout_s": 1e300}),
        ("message_receive", {"timeout_s": 0}),
        ("time_sleep", {"seconds": -1}),
        ("process_spawn", {"agent": "b", "task": "t", "limits": {"tokens": -1}}),
        ("process_spawn", {"agent": "b", "task": "t", "limits": {"wall_s": 1e300}}),
        ("memory_read", {"page": 0}),
    ],
)
def test_numbers_have_bounds(name: str, arguments: dict[str, object]) -> None:
    assert refused(name, json.dumps(arguments)).code is Code.INVALID


@settings(max_examples=120)
@given(st.sampled_from(list(VALID)), st.data())
def test_no_mutation_gets_through_as_anything_but_a_call_or_an_error(
    name: str, data: st.DataObject
) -> None:
    text = json.dumps(VALID[name])
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    text = text[:at] + data.draw(st.text(max_size=3)) + text[at + cut :]
    try:
        call = gate().admit(PROCESS, proposal(name, text))
    except SysError as error:
        said = (error.code in (Code.INVALID, Code.DENIED), bool(error.hint))
        assert said == (True, True)
    else:
        kind = BY_TOOL_NAME.get(name, CallTool)
        assert type(call) is kind


def test_a_tool_the_agent_was_not_given_does_not_exist() -> None:
    process = Process(agent=Agent(name="a", tools=("fs.read",)), caps=EVERYTHING)
    error = refused("command_run", '{"argv":["ls"]}', process)
    assert error.code is Code.NOT_FOUND
    assert error.hint == "there are fs_read"


def test_without_the_capability_the_call_is_denied() -> None:
    process = Process(agent=AGENT, caps=frozenset({parse("read:/home/a/**")}))
    gate().admit(process, proposal("fs_read", '{"path":"a/b"}'))
    for path in ("b", "/home/a/../b", "/etc/passwd", "../etc/passwd"):
        error = refused("fs_read", json.dumps({"path": path}), process)
        assert error.code is Code.DENIED
        assert "read:/home/a/**" in error.hint
    assert refused("fs_write", '{"path":"a/b","text":""}', process).code is Code.DENIED


@pytest.mark.parametrize(
    "path", ["/mem/team/a", "mem/team/a", "/mem/core/../team/a", "//mem/./team/a", "/mem/team"]
)
def test_what_others_see_needs_a_right_however_it_is_spelt(path: str) -> None:
    nobody = Process(agent=AGENT)
    proposals = {
        "memory_remember": {"text": "x", "path": path},
        "memory_link": {"node": path, "relation": "of", "to": "1"},
        "memory_search": {"question": "x", "space": path},
    }
    for name, arguments in proposals.items():
        assert refused(name, json.dumps(arguments), nobody).code is Code.DENIED
        held = Process(
            agent=AGENT, caps=frozenset({parse("read:/mem/team/**"), parse("write:/mem/team/**")})
        )
        gate().admit(held, proposal(name, json.dumps(arguments)))
    for own in ("", "/mem/core/goal", "/mem/archive/a", "/mem/facts/a/b", "/kv/a"):
        gate().admit(nobody, proposal("memory_remember", json.dumps({"text": "x", "path": own})))


def test_writing_a_file_of_memory_is_a_call_of_memory() -> None:
    def written(path: str) -> Call[Any]:
        return gate().admit(PROCESS, proposal("fs_write", json.dumps({"path": path, "text": "x"})))

    assert written("/mem/core/../core/goal") == Remember(path="/mem/core/goal", text="x")
    assert written("/kv/a") == SetKey(key="/kv/a", value="x")
    assert isinstance(written("/home/mem/a"), Write)
    nobody = Process(agent=AGENT)
    assert refused("fs_write", '{"path":"/mem/core/a","text":""}', nobody).code is Code.DENIED


def test_relatives_have_names_of_their_own() -> None:
    held = {parse("send:/proc/child/*"), parse("send:/proc/parent"), parse("wait:/proc/child/*")}
    process = Process(
        agent=AGENT, caps=frozenset(held), parent=Pid(2), children=(Child(pid=Pid(7)),)
    )
    for to in (2, 7):
        gate().admit(process, proposal("message_send", json.dumps({"to": to, "text": "x"})))
    assert refused("message_send", '{"to":8,"text":"x"}', process).code is Code.DENIED
    # an ended child is no longer in the state: the handler says whose child it was
    gate().admit(process, proposal("process_wait", '{"pid":8}'))


@pytest.mark.parametrize(
    ("argv0", "target"),
    [
        ("git", "/bin/git"),
        ("/bin/git", "/bin/git"),
        ("/usr/bin/git", "/bin/git"),
        ("./git", "/home/./git"),
        ("sub/git", "/home/sub/git"),
        ("/home/git", "/home/git"),
        ("/usr/bin/../../home/git", "/usr/bin/../../home/git"),
    ],
)
def test_a_program_of_the_workspace_is_not_one_of_the_system(argv0: str, target: str) -> None:
    assert Run(argv=(argv0,)).target() == target


def test_tools_are_the_same_bytes_for_the_same_agent() -> None:
    once, again = gate(), gate()
    assert msgspec.json.encode(once.tools(AGENT)) == msgspec.json.encode(again.tools(AGENT))
    assert once.tools(AGENT) is once.tools(AGENT)
    with pytest.raises(SysError, match=r"did you mean fs\.read"):
        once.tools(Agent(name="b", tools=("fs.raed",)))


def test_a_schema_does_not_show_the_tag() -> None:
    for call in CALLS:
        shape = schema(call)
        assert "call" not in shape["properties"]
        assert shape["additionalProperties"] is False
    assert schema(Read)["required"] == ["path"]


def test_nearest() -> None:
    assert nearest("reed", ["read", "write"]) == "did you mean read?"
    assert nearest("zzz", ["read", "write"]) == "there are read, write"
    assert nearest("zzz", [f"tool{n}" for n in range(99)]) == ""


def test_what_an_agent_is_shown_of_the_core_calls_is_short() -> None:
    """Every prompt of every agent begins with it."""
    core = ("fs.", "memory.", "kv.", "tool.", "message.")
    shown = [spec(call) for call in CALLS if call_name(call).startswith(core)]
    said = "\n".join(
        f"{one.name}\n{one.description}\n{bytes(one.schema).decode()}" for one in shown
    )
    assert estimate(said) <= 1500

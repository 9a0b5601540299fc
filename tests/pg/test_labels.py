"""Searches by whose words a page is and who may read it; and that this shows nobody anything more."""

from typing import Any

import pytest
from tests.pg.acting import ALL, agent, calls, ended, status
from tests.pg.test_memory_calls import called, outcomes

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import CallTool
from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError
from logos.abi.events import Linked, Remembered
from logos.abi.ids import Pid
from logos.abi.messages import Request, ToolResult
from logos.drivers.function import Functions
from logos.drivers.model import Say, Scripted
from logos.kernel import Ask, Kernel, Sought
from logos.kernel.node.private import Privacy, within
from logos.store import open_store

pytestmark = pytest.mark.anyio

QUESTION = "What about the beagle?"
TASK = "See what there is about the beagle."
BEFORE = "The beagle was never asked."
BOARD = "The board wants the beagle sold."
NOTE = "Somebody wrote that the beagle bites."
AFTER = "So the beagle had better go."
GIVEN = "The neighbours like the beagle."
SPOKEN = "I shall look for the beagle."
LAST = "That is all about the beagle."


@pytest.fixture
def tools(world: Any) -> dict[str, Any]:
    made = Functions()
    minutes = {"impact": "read", "result": {"type": "minutes", "readers": ["Ann"]}}

    @made.register(effect=Effect.PURE, manifest=minutes)
    def board() -> str:
        """What the board said."""
        return BOARD

    @made.register(effect=Effect.PURE)
    def note() -> str:
        """What somebody wrote."""
        return NOTE

    world.drivers[CallTool] = made
    return {
        "functions": lambda: {spec.name: spec for spec in made.specs()},
        "manifests": made.manifests,
    }


async def lived(kernel: Kernel, world: Any) -> Pid:
    """A process that has kept something before and after it has read."""
    keep = "memory_remember"
    world.models["m"] = Scripted(
        [
            calls((keep, {"text": BEFORE}), text=SPOKEN),
            calls(("note", {})),
            calls(("board", {})),
            calls((keep, {"text": AFTER})),
            calls(("message_receive", {})),
            LAST,
        ]
    )
    pid = await kernel.spawn(agent("board", "note", "memory.remember", "message.receive"), TASK)
    await status(kernel, pid, "waiting")
    path = "/mem/archive/given"
    first = Linked(source=path, relation="about", target="/mem/archive/beagle")
    await kernel.remember(pid, [first, Remembered(path=path, text=GIVEN)])  # in one letter
    await kernel.send(pid, "Go on.")
    assert (await ended(kernel, pid)).status == 0
    return pid


async def found(kernel: Kernel, pid: Pid, **label: str) -> set[str]:
    """Everything that is let through."""
    sought = Sought.given(label)
    labelled = await kernel.stores.labelled(pid, sought.label, sought.reader)
    rules = sought.rules(await kernel.stores.shelf(pid), labelled)
    fault = await kernel.records.fault(
        pid, QUESTION, Ask(budget=2000, gate=False, mass=2, rules=rules)
    )
    return {bare(page.text) for page in fault.pages if "beagle" in page.text}


def bare(text: str) -> str:
    return text.strip().strip('"')


@pytest.mark.parametrize(
    ("label", "pages"),
    [
        ({}, {TASK, SPOKEN, BEFORE, NOTE, BOARD, AFTER, GIVEN, LAST}),
        ({"label": "trusted"}, {TASK, SPOKEN, BEFORE}),
        ({"label": "principal"}, {TASK}),
        ({"label": "agent"}, {SPOKEN, BEFORE}),
        ({"label": "untrusted"}, {NOTE, BOARD, AFTER, GIVEN, LAST}),
        ({"label": "confidential"}, {BOARD, AFTER, LAST}),
        ({"label": "untrusted,public"}, {NOTE, GIVEN}),
        ({"label": "trusted,untrusted"}, set()),
        ({"reader": "bob"}, {TASK, SPOKEN, BEFORE, NOTE, GIVEN}),
        ({"reader": "ann", "label": "confidential"}, {BOARD, AFTER, LAST}),
        ({"label": "untrusted", "path": "/mem/archive"}, {AFTER, GIVEN}),
    ],
)
async def test_a_search_stays_within_labels(
    node: Any, world: Any, tools: dict[str, Any], label: dict[str, str], pages: set[str]
) -> None:
    async with node(**tools) as kernel:
        pid = await lived(kernel, world)
        assert await found(kernel, pid, **label) == pages
        best = await kernel.stores.seek(pid, QUESTION, 2000, Sought.given(label))
        assert {bare(page.text) for page in best.pages if "beagle" in page.text} <= pages


async def test_the_tree_is_searched_by_labels_too(
    node: Any, world: Any, tools: dict[str, Any]
) -> None:
    async with node(**tools) as kernel:
        pid = await lived(kernel, world)
        for label, texts in (("trusted", {BEFORE}), ("public", {BEFORE, GIVEN})):
            documents = await kernel.tree.documents(pid, "/mem", label=label)
            assert {one.text for one in documents} == texts
        with pytest.raises(SysError) as caught:
            await kernel.tree.documents(pid, "/proc/self", label="trusted")
        assert caught.value.code is Code.INVALID


async def test_a_label_opens_nothing(node: Any, world: Any) -> None:
    """Whoever may not search a space learns nothing by asking for a label, of it or of others."""
    async with node() as kernel:
        team = await kernel.space("team")
        await kernel.remember(team, [Remembered(path="/mem/archive/venue", text="The boat house")])
        question = "Where is the boat house?"
        wanted: tuple[dict[str, str], ...] = (
            {},
            {"within": "label:untrusted"},
            {"within": "reader:ann"},
        )
        steps = [
            called("memory_search", question=question, space="/mem/team", **one) for one in wanted
        ]
        steps.append(
            called("memory_search", question=question, within="path:/mem/team label:untrusted")
        )
        steps.append(called("memory_search", question=question, within="label:secret"))
        *refused, nothing, unknown = await outcomes(kernel, world, *steps)
        assert len(set(refused)) == 1
        assert refused[0].startswith("denied:")
        assert "boat" not in nothing
        assert unknown.startswith("invalid: no page is 'secret'")
        allow = ("read:/mem/team/**",)
        labels = ("untrusted", "trusted")
        steps = [
            called("memory_search", question=question, space="/mem/team", within=f"label:{one}")
            for one in labels
        ]
        theirs, ours = await outcomes(kernel, world, *steps, allow=allow)
        assert "The boat house" in theirs
        assert "boat" not in ours


def parent(request: Request) -> Say:
    """Gives the task to a child, and waits for it."""
    answers = [part for part in request.messages[-1].content if isinstance(part, ToolResult)]
    match len(request.messages):
        case 2:
            return calls(("process_spawn", {"agent": "reader", "task": TASK}))
        case 4:
            return calls(("process_wait", {"pid": int(answers[0].content)}))
        case _:
            return Say("done")


async def test_what_a_child_read_is_confidential_for_its_parent(
    node: Any, url: str, world: Any, tools: dict[str, Any]
) -> None:
    world.models["m"] = Scripted(parent)
    world.models["r"] = Scripted([calls(("board", {})), BOARD])
    world.agents["reader"] = Agent(name="reader", model="r", tools=("board",), allow=ALL)
    async with node(**tools) as kernel:
        pid = await kernel.spawn(agent("board", "process.spawn", "process.wait"), TASK)
        assert (await ended(kernel, pid)).status == 0
        async with open_store(url, config.Store()) as store:
            assert await Privacy(store, kernel.asker.tools).holds(pid)
        for label, there in (("confidential", True), ("public", False), ("untrusted", True)):
            pages = await found(kernel, pid, label=label)
            assert any(BOARD in page for page in pages) is there


def test_words_that_are_no_label_are_refused() -> None:
    with pytest.raises(SysError) as caught:
        within("trusted, secret")
    assert caught.value.code is Code.INVALID
    assert "trusted" in caught.value.hint

"""A node that works until it is told to finish, or killed.

    PYTHONPATH=bench python -m lib_chaos.node --url URL --folder DIR [--processes N --rounds N ...]

Keeps `processes` agents alive; each plays `rounds` thoughts with a charge (an effect nobody can
undo), a put (idempotent), an append to its own file (reconcilable) and a look (pure), then
exits.  A resident agent gets numbered messages.  Once DIR/finish exists no more are started, and
when the last has exited the node ends.  One line of JSON on stdout per thing that happened.
"""

import argparse
import fcntl
import json
import sys
from pathlib import Path

import anyio

from lib_chaos.ledger import Ledger
from logos import config
from logos.abi.agent import Agent, Limits
from logos.abi.calls import Append, CallTool
from logos.abi.driver import Effect, Model, Profile
from logos.abi.errors import SysError
from logos.abi.ids import CallId
from logos.abi.messages import Request, Role, ToolCall
from logos.abi.rights import parse
from logos.drivers.function import Functions
from logos.drivers.model import After, Say, Scripted
from logos.drivers.workspace import Workspace
from logos.kernel import Dead, Kernel, Parts, SystemClock, open_kernel
from logos.programs import PROGRAMS
from logos.store import open_store

DEAD, UNAVAILABLE = 3, 75
INBOX = "inbox"

WORKER = Agent(
    name="worker",
    model="worker",
    tools=("charge", "put", "look", "fs.append"),
    allow=(parse("call:/tools/*"), parse("write:/home/**")),
)
READER = Agent(name=INBOX, model=INBOX, resident=True)


def tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def tools(ledger: Ledger, slow_s: float) -> Functions:
    """Each takes its time before and after it has done something, so that a kill falls between."""
    functions = Functions()

    async def charge(call: CallId) -> str:
        """Not to be done twice, and nobody can be asked whether it was done."""
        await anyio.sleep(slow_s)
        ledger.charge(call)
        await anyio.sleep(slow_s)
        return "charged"

    async def put(call: CallId) -> str:
        """Whoever keeps it knows the key."""
        await anyio.sleep(slow_s)
        ledger.put(call)
        await anyio.sleep(slow_s)
        return "put"

    async def look() -> str:
        """Changes nothing."""
        await anyio.sleep(slow_s)
        return "seen"

    own = {"impact": "reversible_write", "private": True}
    functions.register(effect=Effect.EFFECT, manifest=own)(charge)
    functions.register(effect=Effect.IDEMPOTENT, manifest=own)(put)
    functions.register(effect=Effect.PURE)(look)
    return functions


def worker_model(rounds: int, think_s: float) -> Scripted:
    """Which round it is follows from what was said: a lost thought is had again."""

    def step(request: Request) -> After:
        number = sum(message.role is Role.ASSISTANT for message in request.messages)
        proposed = [(name, {}) for name in ("charge", "put", "look")]
        proposed.append(("fs_append", {"path": "diary", "text": f"{number}\n"}))
        calls = tuple(
            ToolCall(id=CallId(f"x{n}"), name=name, arguments=json.dumps(arguments))
            for n, (name, arguments) in enumerate(proposed)
        )
        say = Say(calls=calls) if number < rounds else Say("done")
        return After(lambda: anyio.sleep(think_s), say)

    return Scripted(step, profile=Profile(name="worker", concurrency=10_000))


class Chaos:
    def __init__(self, kernel: Kernel, options: argparse.Namespace, ledger: Ledger) -> None:
        self._kernel = kernel
        self._options = options
        self._ledger = ledger
        self._finish = options.folder / "finish"

    async def work(self) -> None:
        table = await self._kernel.records.list(everyone=True)
        workers = sum(line.agent == WORKER.name for line in table)
        alive = [line for line in table if line.exit_status is None]
        tell(event="ready", workers=workers, alive=len(alive), events=sum(x.events for x in table))
        inbox = next((line.pid for line in alive if line.agent == INBOX), None)
        if inbox is None and self._options.processes:
            inbox = await self._kernel.spawn(READER, "read")
            self._ledger.acknowledge(f"spawned {inbox}")
        while await self._more():
            if inbox is not None and not self._finish.exists():
                await self._send(inbox)
            await anyio.sleep(self._options.pace)
        tell(event="done")

    async def _more(self) -> bool:
        """Fill up.  False: all have exited, and no more are wanted."""
        table = await self._kernel.records.list()
        alive = sum(line.agent == WORKER.name for line in table)
        if self._finish.exists():
            return alive > 0
        for _ in range(self._options.processes - alive):
            pid = await self._kernel.spawn(WORKER, "work", limits=Limits())
            self._ledger.acknowledge(f"spawned {pid}")
        return True

    async def _send(self, inbox: int) -> None:
        number = f"{self._options.life}-{anyio.current_time()}"
        await self._kernel.send(inbox, number)  # type: ignore[arg-type]  # a Pid
        self._ledger.acknowledge(f"sent {number}")


async def serve(options: argparse.Namespace) -> None:
    folder: Path = options.folder
    ledger = Ledger(folder)
    functions, files = tools(ledger, options.slow), Workspace()
    models: dict[str, Model] = {
        WORKER.model: worker_model(options.rounds, options.think),
        INBOX: Scripted(lambda _: Say("read")),
    }

    async def model(name: str) -> Model:
        return models[name]

    settings = config.Store(patience_s=options.patience)
    async with open_store(options.url, settings) as store:
        parts = Parts(
            store=store,
            settings=config.Node(lease_s=options.lease),
            clock=SystemClock(),
            programs=PROGRAMS,
            models=model,
            drivers={CallTool: functions, Append: files},
            functions=lambda: {spec.name: spec for spec in functions.specs()},
            manifests=functions.manifests,
            agents=lambda name: {WORKER.name: WORKER}[name],
            workspaces=folder / "workspaces",
            place=options.place,
            alone=not options.shared,
        )
        async with open_kernel(parts) as kernel:
            await Chaos(kernel, options, ledger).work()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--think", type=float, default=0.3, help="seconds a thought takes")
    parser.add_argument("--slow", type=float, default=0.01, help="seconds around each effect")
    parser.add_argument("--pace", type=float, default=0.2, help="seconds between messages")
    parser.add_argument("--lease", type=float, default=10.0)
    parser.add_argument("--patience", type=float, default=60.0)
    parser.add_argument("--place", default="chaos")
    parser.add_argument("--life", default="0", help="a name for this life of the node")
    parser.add_argument("--shared", action="store_true", help="other nodes may live as well")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    status = 0
    with (options.folder / f"{options.place}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            anyio.run(serve, options, backend_options={"use_uvloop": True})
        except* Dead as group:
            tell(event="dead", message=str(_first(group)))
            status = DEAD
        except* SysError as group:
            error = _first(group)
            tell(event="error", message=str(error))
            status = UNAVAILABLE
    return status


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main())

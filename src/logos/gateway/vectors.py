"""Embeddings: passed on unchanged, and journaled with who asked for how much.

    Vectors.embed(ask, client, _)     one request

Each client has a process for them, started with its first request.  An answer is given once its
usage is journaled.
"""

import hashlib

import msgspec

from logos.abi.agent import Account, Agent
from logos.abi.errors import Code, SysError
from logos.abi.events import Vectored
from logos.abi.ids import Pid
from logos.abi.messages import Usage
from logos.boot import ModelNames
from logos.gateway.access import Client, agent_name
from logos.gateway.ask import Ask
from logos.gateway.dialect import BODY, typed
from logos.gateway.shapes import EmbeddingsRequest
from logos.kernel import Kernel, Payer, Turn

SEED = hashlib.sha256(b"embeddings").hexdigest()
"""Where no conversation begins."""

TRIES = 3


class Vectors:
    def __init__(self, kernel: Kernel, models: ModelNames) -> None:
        self._kernel = kernel
        self._models = models
        self._pids: dict[tuple[str, tuple[Account, ...]], Pid] = {}

    async def embed(self, ask: Ask, client: Client, _: str) -> None:
        body = await ask.body()
        asked = typed(body, EmbeddingsRequest, BODY)
        name = self._models.resolve(asked.model)[0]
        found = await self._models.embed(name, body)
        usage = Usage(input=_tokens(found))
        said = hashlib.sha256(asked.input).digest()
        event = Vectored(model=name, input=said, usage=usage, asked=ask.program)
        pid = await self._noted(client, event)
        for account in client.accounts:
            await self._kernel.accounts.charge(account.name, usage)
        ask.extra.append((b"x-logos-pid", str(pid).encode()))
        await ask.reply(200, found)

    async def _noted(self, client: Client, event: Vectored) -> Pid:
        """A process that has ended, or is driven elsewhere, is followed by another."""
        key = (client.name, client.accounts)
        for _ in range(TRIES):
            pid = self._pids.get(key) or await self._begun(client, event.model)
            self._pids[key] = pid
            try:
                await self._kernel.note(pid, event)
            except SysError as error:
                if error.code not in (Code.STATE, Code.UNAVAILABLE):
                    raise
                self._pids.pop(key, None)
            else:
                return pid
        raise SysError(Code.UNAVAILABLE, "what the vectors cost could not be journaled")

    async def _begun(self, client: Client, model: str) -> Pid:
        agent = Agent(
            name=agent_name(client.name),
            description=SEED,
            program="gateway",
            model=model,
            resident=True,
        )
        by = Payer(client.name, client.accounts)
        return await self._kernel.converse(agent, Turn(()), limits=client.limits, by=by)


class _Used(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Embedded(msgspec.Struct):
    usage: _Used = _Used()


def _tokens(embedded: bytes) -> int:
    try:
        return msgspec.json.decode(embedded, type=_Embedded).usage.prompt_tokens
    except msgspec.DecodeError:
        return 0  # its provider does not say

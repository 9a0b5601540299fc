"""One request to a server of the first eras, which may ask before it answers.

    Talk.run(do)        in a task of its own: the request outlives whoever waits for it
    await Talk.next()   the next question; none when there is an answer, or will never be one
    Talk.result()       the answer; raises what came instead
    await Talk.stop()   give it up

Invariant: whoever waits hears of its end.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable

import anyio

from logos.abi.errors import Code, SysError
from logos.drivers.mcp.answer import Result
from logos.drivers.mcp.wire import Asked, Question, Stale

log = logging.getLogger("logos.mcp")


class Talk:
    def __init__(self) -> None:
        self._scope = anyio.CancelScope()
        self._news = anyio.Event()
        self._over = anyio.Event()
        self._questions: deque[Question] = deque()
        self._result: Result | None = None
        self._error: Exception = SysError(Code.CANCELLED, "it was given up")
        self.open: Question | None = None

    @property
    def over(self) -> bool:
        return self._over.is_set()

    @property
    def lost(self) -> bool:
        """It has ended because the server has, or because of us."""
        unknown = isinstance(self._error, Stale) or (
            isinstance(self._error, SysError)
            and self._error.code in (Code.UNAVAILABLE, Code.CANCELLED)
        )
        return self.over and self._result is None and unknown

    async def run(self, do: Callable[[Asked], Awaitable[Result]]) -> None:
        try:
            with self._scope:
                self._result = await do(self._asked)
        except Exception as error:  # why: it is raised again where somebody waits, not in this task
            log.debug("a call has ended: %r", error, exc_info=True)
            self._error = error
        finally:
            self._over.set()
            self._news.set()

    def _asked(self, question: Question) -> None:
        self._questions.append(question)
        self._news.set()

    async def next(self) -> Question | None:
        """`open` is the last that was taken."""
        while not self._questions:
            if self.over:
                return None
            await self._news.wait()
            self._news = anyio.Event()
        self.open = self._questions.popleft()
        return self.open

    def result(self) -> Result:
        if self._result is None:
            raise self._error
        return self._result

    async def stop(self) -> None:
        with anyio.CancelScope(shield=True):
            self._scope.cancel()
            await self._over.wait()

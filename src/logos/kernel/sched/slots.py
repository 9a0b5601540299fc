"""A fixed number of slots per model.  Waiting for one model delays nobody at another."""

import anyio

from logos.abi.driver import Model


class Slots:
    def __init__(self) -> None:
        self._free: dict[str, anyio.Semaphore] = {}

    def slot(self, model: Model) -> anyio.Semaphore:
        profile = model.profile
        if profile.name not in self._free:
            self._free[profile.name] = anyio.Semaphore(profile.concurrency, fast_acquire=True)
        return self._free[profile.name]

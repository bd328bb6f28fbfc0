"""Work in threads: so many at a time, so many waiting, each for so long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

from .errors import RefusedError

T = TypeVar("T")


@final
class WorkerPool:
    """Threads that requests take turns on.

    A thread cannot be stopped: work that runs out of time is answered, but keeps its slot until it ends, so that there
    are never more threads at work than slots.
    """

    def __init__(self, slots: int, queue: int, seconds: float, late: str = "ask for less, or ask again") -> None:
        self.queue, self.seconds, self.late = queue, seconds, late
        self.waiting = self.working = 0
        self._free = asyncio.Semaphore(slots)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="crossbit")

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or refuse with 503 when there is no room or no time."""
        await self._slot()
        self.working += 1
        done = asyncio.get_running_loop().run_in_executor(self._pool, work)
        done.add_done_callback(self._release)
        try:
            return await asyncio.wait_for(asyncio.shield(done), self.seconds)
        except TimeoutError:
            raise RefusedError(503, "slow", f"this took longer than {self.seconds:g} s; {self.late}") from None

    def close(self) -> None:
        """End the threads when they have done what they do."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _slot(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self.waiting >= self.queue:
            raise RefusedError(503, "overloaded", f"{self.waiting} requests are waiting already; ask again in a second")
        self.waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self.seconds)
        except TimeoutError:
            raise RefusedError(503, "overloaded", f"no turn within {self.seconds:g} s; ask again in a second") from None
        finally:
            self.waiting -= 1

    def _release(self, done: asyncio.Future[T]) -> None:
        self.working -= 1
        self._free.release()
        if not done.cancelled():
            done.exception()  # retrieved, also when nobody waits for it any more

"""Worker pools: bounded concurrency, a bounded queue and a time limit for work in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

from .errors import ApiError

T = TypeVar("T")


@final
class WorkerPool:
    """Threads that process requests, a limited number at a time.

    A thread cannot be stopped: a request that runs out of time gets its response, but its worker stays busy until the
    work ends, so that there are never more running threads than workers.
    """

    def __init__(self, workers: int, queue: int, seconds: float, late: str = "ask for less, or retry") -> None:
        self.queue, self.seconds, self.late = queue, seconds, late
        self.waiting = self.working = 0
        self._free = asyncio.Semaphore(workers)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="crossbit")

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of `work`; a full queue or an exceeded time limit is an error 503."""
        await self._acquire()
        self.working += 1
        done = asyncio.get_running_loop().run_in_executor(self._pool, work)
        done.add_done_callback(self._release)
        try:
            return await asyncio.wait_for(asyncio.shield(done), self.seconds)
        except TimeoutError:
            raise ApiError(503, "slow", f"this took longer than {self.seconds:g} s; {self.late}") from None

    def close(self) -> None:
        """Wait for running work and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _acquire(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self.waiting >= self.queue:
            raise ApiError(503, "overloaded", f"{self.waiting} requests are waiting already; retry in a second")
        self.waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self.seconds)
        except TimeoutError:
            raise ApiError(503, "overloaded", f"no free worker within {self.seconds:g} s; retry in a second") from None
        finally:
            self.waiting -= 1

    def _release(self, done: asyncio.Future[T]) -> None:
        self.working -= 1
        self._free.release()
        if not done.cancelled():
            done.exception()  # retrieved, even if nobody waits for it any more

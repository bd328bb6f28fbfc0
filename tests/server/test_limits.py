"""So many at a time, so many waiting, each for so long; and what the middleware counts it forgets again."""

import asyncio
import threading
import time

import pytest

from crossbit.server.errors import ApiError
from crossbit.server.limits import Limits
from crossbit.server.middleware import LimitsMiddleware
from crossbit.server.workers import WorkerPool


def test_never_more_work_than_slots_and_the_rest_waits():
    at_once, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return "done"

    async def main():
        pool = WorkerPool(2, queue=10, seconds=30)
        answers = await asyncio.gather(*(pool.run(work) for _ in range(10)))
        assert (pool.waiting, pool.working) == (0, 0)
        pool.close()
        return answers

    assert asyncio.run(main()) == ["done"] * 10
    assert most == 2


def test_a_full_queue_refuses_at_once():
    async def main():
        pool, go = WorkerPool(1, queue=1, seconds=30), threading.Event()
        busy = [asyncio.create_task(pool.run(go.wait)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(ApiError, match="1 requests are waiting already") as fault:
            await pool.run(lambda: None)
        go.set()
        await asyncio.gather(*busy)
        assert await pool.run(lambda: 3) == 3
        pool.close()
        return fault.value.status

    assert asyncio.run(main()) == 503


def test_late_work_is_answered_and_keeps_its_slot_until_it_ends():
    async def main():
        pool, go = WorkerPool(1, queue=5, seconds=0.1), threading.Event()
        with pytest.raises(ApiError, match=r"longer than 0.1 s; ask for less"):
            await pool.run(go.wait)
        assert pool.working == 1
        with pytest.raises(ApiError, match=r"no free worker within 0.1 s"):
            await pool.run(lambda: None)
        go.set()
        while pool.working:
            await asyncio.sleep(0.01)
        assert await pool.run(lambda: 3) == 3
        pool.close()

    asyncio.run(main())


def test_the_error_of_work_is_raised_and_its_slot_freed():
    async def main():
        pool = WorkerPool(1, queue=5, seconds=30)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await pool.run(lambda: 1 / 0)
        pool.close()
        assert pool.working == 0

    asyncio.run(main())


def asked(middleware, chunks, client="1.2.3.4", headers=()):
    """Return the status that a middleware answers to a body in chunks."""
    waiting, sent = [{"body": chunk, "more_body": True} for chunk in chunks] + [{"body": b""}], []

    async def receive():
        return {"type": "http.request", **waiting.pop(0)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "client": (client, 1), "headers": list(headers)}
    return scope, receive, send, sent


async def read_all(scope, receive, send):
    message = await receive()
    assert not message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def run(middleware, *args, **options):
    *call, sent = asked(middleware, *args, **options)
    asyncio.run(middleware(*call))
    return sent


def test_the_app_gets_the_whole_body_at_once():
    sent = run(LimitsMiddleware(read_all, Limits()), [b"ab", b"cd"])
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"abcd"
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]


def test_bodies_are_bounded_each_and_together_and_nothing_is_kept():
    middleware = LimitsMiddleware(read_all, Limits(body=10, bodies=8))
    assert run(middleware, [b"x" * 11])[0]["status"] == 413
    assert run(middleware, [b"x" * 6, b"x" * 6])[0]["status"] == 413
    assert run(middleware, [b"x" * 5, b"x" * 4])[0]["status"] == 503
    assert run(middleware, [b"x" * 8])[0]["status"] == 200
    assert middleware.held == 0
    assert not middleware.clients
    assert middleware.refused == {"too-large": 2, "overloaded": 1}


def test_one_client_s_share_leaves_room_for_others():
    async def main():
        go = asyncio.Event()

        async def wait(scope, receive, send):
            await go.wait()
            await read_all(scope, receive, send)

        middleware = LimitsMiddleware(wait, Limits(per_client=2))
        calls = [asked(middleware, [], client=client) for client in ("a", "a", "a", "b")]
        tasks = [asyncio.create_task(middleware(*call[:3])) for call in calls]
        await asyncio.sleep(0.01)
        assert calls[2][3][0]["status"] == 429
        assert (b"retry-after", b"1") in calls[2][3][0]["headers"]
        go.set()
        await asyncio.gather(*tasks)
        assert [call[3][0]["status"] for call in calls] == [200, 200, 429, 200]

    asyncio.run(main())


def test_a_fault_of_the_server_is_500_without_its_words(caplog):
    async def fail(scope, receive, send):
        raise RuntimeError("secret")

    sent = run(LimitsMiddleware(fail, Limits()), [])
    assert sent[0]["status"] == 500
    assert b"secret" not in sent[1]["body"]
    assert "secret" in caplog.text

"""Answers of the server to malicious input, and whether it survives.

A server in a process of its own receives inputs of each kind over loopback, generated at random from a fixed seed. Each
must be answered as documented: refused with a status from 400 to 499 and a message, or disconnected where the input is
not HTTP or far too long; 200 is right where odd input still has a meaning, such as a picture with a changed colour.
*Faults* counts statuses of 500 and above, refusals without a message, and inputs after which a plain search does not
return what it returned before. *Slowest* is the longest time to an answer. tests/server/test_hostile.py has single
cases, slow clients among them, and tests/server/test_schema.py generates requests from the OpenAPI document.
"""

from __future__ import annotations

import base64
import io
import json
import random
import socket
import string
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from _bench import Row, Tables, main
from serve import KEY, fill, model, served

BASE = "/api/collections/shelf"
SIZE = 5000


class Sent(NamedTuple):
    """A request; `raw` bytes go over a connection of their own as they are."""

    method: str = "POST"
    address: str = f"{BASE}/search"
    body: bytes | None = None
    raw: bytes | None = None


def measure(quick: bool) -> Tables:
    """Return one table: what each kind of input was answered."""
    count = 10 if quick else 40
    with tempfile.TemporaryDirectory() as folder:
        shelf = Path(folder) / "shelf"
        fill(shelf, model(Path(folder) / "model"), SIZE)
        with served(shelf) as port:
            before = found(port)
            rows = []
            for kind, make in KINDS.items():
                print(kind, file=sys.stderr)
                rows.append({"input": kind, **tried(port, make, count, before)})
    return {f"{count} inputs of each kind": rows}


def tried(port: int, make: Callable[[random.Random], Sent], count: int, before: list[str]) -> Row:
    """Return what inputs of one kind were answered."""
    rng, statuses, faults, slowest = random.Random(1), Counter[str](), 0, 0.0  # noqa: S311
    for _ in range(count):
        sent = make(rng)
        start = time.perf_counter()
        status, told = (over_socket if sent.raw is not None else asked)(port, sent)
        slowest = max(slowest, time.perf_counter() - start)
        statuses[str(status or "cut")] += 1
        faults += status >= 500 or not told or found(port) != before
    answered = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
    return {"sent": count, "answered": answered, "faults": faults, "slowest, s": slowest}


def asked(port: int, sent: Sent) -> tuple[int, bool]:
    """Return the status of an answer, and whether it is a result or says why not."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    try:
        connection.request(sent.method, sent.address, sent.body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except OSError:  # the server has closed, as it may while a client is still sending
        return 0, True
    finally:
        connection.close()
    return answer.status, answer.status < 400 or bool(json.loads(content)["error"]["message"])


def over_socket(port: int, sent: Sent) -> tuple[int, bool]:
    """Return the status that raw bytes were answered, 0 where the connection was closed."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw, suppress(OSError):
        raw.sendall(sent.raw or b"")
        raw.shutdown(socket.SHUT_WR)
        while part := raw.recv(65536):
            answer += part
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0, True


def found(port: int) -> list[str]:
    """Return what a plain search finds, which no input may change."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"{BASE}/search?like=item7&k=5")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return [hit["id"] for hit in answer["hits"]] if "hits" in answer else []


def question(**parts: Any) -> Sent:
    """Return a search that is JSON, whatever it holds."""
    return Sent(body=json.dumps({"parts": [{"text": "a red circle"}], **parts}).encode())


def picture(rng: random.Random, content: bytes) -> Sent:
    """Return a search by a picture: as the body, or within JSON."""
    if rng.random() < 0.5:
        return Sent(address=f"{BASE}/search/image", body=content)
    return question(parts=[{"image": base64.b64encode(content).decode()}])


def image_file(rng: random.Random) -> bytes:
    """Return a sound picture file."""
    file = io.BytesIO()
    size = rng.randint(8, 300), rng.randint(8, 300)
    Image.effect_noise(size, 50).convert("RGB").save(file, rng.choice(("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")))
    return file.getvalue()


def bomb(rng: random.Random) -> Sent:
    """Return a PNG of a few kilobytes that says it has thousands of millions of pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", rng.randint(9000, 2**31 - 1), rng.randint(9000, 2**31 - 1), 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes(10**6), 9)), chunk(b"IEND", b"")
    return picture(rng, b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def cut(rng: random.Random) -> Sent:
    """Return a picture without its end."""
    content = image_file(rng)
    return picture(rng, content[: rng.randrange(len(content))])


def flipped(rng: random.Random) -> Sent:
    """Return a picture with some bytes changed."""
    content = bytearray(image_file(rng))
    for _ in range(rng.randint(1, 20)):
        content[rng.randrange(min(len(content), 400))] = rng.randrange(256)
    return picture(rng, bytes(content))


def no_picture(rng: random.Random) -> Sent:
    """Return what is no picture, though some of it begins like one."""
    heads = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF", b"<svg>", b"%!PS", b"PK\x03\x04", b"II*\0")
    return picture(rng, rng.choice(heads) + rng.randbytes(rng.randint(0, 5000)))


def long_text(rng: random.Random) -> Sent:
    """Return a text of up to ten megabytes."""
    return question(parts=[{"text": rng.choice(("x", "\0", "ü", "a ")) * rng.randint(10_001, 10_000_000)}])


def wrong(rng: random.Random) -> Sent:
    """Return a question with a value that is of another kind or size."""
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        1e308,
        10**30,
        "5",
        "",
        [],
        {},
        [[]],
        {"$where": "1"},
        "\ud800",
        ["x"] * 1000,
        float("nan"),
    ]
    field = rng.choice(("parts", "k", "radius", "where", "target", "explain", "picture", "__class__"))
    return question(**{field: rng.choice(odd)})


def nested(rng: random.Random) -> Sent:
    """Return what is no JSON, or nests without end."""
    opened = rng.choice(("[", '{"parts":', '{"a":[', "(", "\ufeff{"))
    return Sent(body=(opened * rng.randint(1, 50_000)).encode())


def filtered(rng: random.Random) -> Sent:
    """Return a filter that is made up from pieces of filters and of Python and SQL."""
    pieces = (
        "year", "==", ">=", "2000", "'x'", "in", "(", ")", "[", "]", "and", "or", "not", "lambda", ":", "__import__",
        "os", ".", ";", "--", "DROP TABLE items", "1e999", "\\", "\0", "text", "picture", '"', "if", "else", "*",
    )  # fmt: skip
    return question(where=" ".join(rng.choices(pieces, k=rng.randint(1, 200))))


def place(rng: random.Random) -> Sent:
    """Return an address that would lead out of what is served."""
    steps = ("..", "%2e%2e", "etc", "passwd", "%00", "C:%5C", "....", "%2f", "items.db", "~", "proc/self/environ")
    path = "/".join(rng.choices(steps, k=rng.randint(1, 8)))
    start = rng.choice(("/page/", "/", f"{BASE}/thumbnail?id=", f"{BASE}/item?id=", "/api/collections/"))
    return Sent("GET", start + path)


def noise(rng: random.Random) -> Sent:
    """Return bytes that are no HTTP."""
    heads = (
        b"",
        b"GET ",
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM",
    )
    return Sent(raw=rng.choice(heads) + rng.randbytes(rng.randint(1, 100_000)))


def written(rng: random.Random) -> Sent:
    """Return items to be added that cannot be: ids, metadata and pictures that are none."""
    ids = ("", " ", "a\nb", "x" * 2000, "\ud800", None, 7)
    deep: Any = {}
    for _ in range(rng.randint(1, 200)):
        deep = {rng.choice(string.ascii_letters): deep}
    item = rng.choice(
        (
            {"id": rng.choice(ids), "texts": ["x"]},
            {"id": "a", "texts": [], "metadata": deep},
            {"id": "a", "texts": ["x"], "metadata": {"x": "y" * 70_000}},
            {"id": "a", "image": base64.b64encode(rng.randbytes(100)).decode()},
            {"id": "a", "image": "file:///etc/passwd"},
            {"id": "a", "texts": ["x"] * 5000},
        )
    )
    return Sent(address=f"{BASE}/items", body=json.dumps({"items": [item]}).encode())


KINDS: Mapping[str, Callable[[random.Random], Sent]] = {
    "pictures that say they have 10^8 to 10^18 pixels": bomb,
    "pictures without their end": cut,
    "pictures with bytes changed": flipped,
    "files that are no pictures": no_picture,
    "texts of up to 10 MB": long_text,
    "values of another kind or size": wrong,
    "no JSON, or nested without end": nested,
    "filters made up of pieces": filtered,
    "addresses that lead elsewhere": place,
    "items that cannot be kept": written,
    "bytes that are no HTTP": noise,
}


if __name__ == "__main__":
    main(measure, __doc__)

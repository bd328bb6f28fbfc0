"""Hostile input: each gets a clear answer, takes no slot for long, and leaves the server as it was."""

import base64
import io
import json
import socket
import struct
import time
import zlib
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from pydantic import ValidationError

from helpers.refusals import ALLOWED, refused

SEARCH = "/api/collections/scenes24/search"


@pytest.fixture
def client(client):
    """Return a client of a server that answers, whatever the test did, afterwards too."""
    yield client
    found = client.get(SEARCH, params={"text": "a red circle"})
    assert found.status_code == 200
    assert len(found.json()["hits"]) == 10


def encoded(width, height, kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, kind)
    return file.getvalue()


def bomb(side):
    """Return a PNG of a few kilobytes that says it is `side` pixels wide and high."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10**6), 9))
        + chunk(b"IEND", b"")
    )


PICTURES = {
    "a bomb of 50,000 x 50,000 pixels": (bomb(50_000), "64,000,000"),
    "a bomb of 2^31 - 1 pixels each way": (bomb(2**31 - 1), "not an image|damaged|64,000,000"),
    "one side 1,000 times the other": (encoded(2000, 2), "200 times"),
    "truncated PNG": (encoded(300, 300)[:-200], "truncated"),
    "truncated JPEG": (encoded(300, 300, "JPEG")[:500], "truncated"),
    "PNG's first bytes alone": (b"\x89PNG\r\n\x1a\n", "not an image|truncated"),
    "text": (b"hello " * 1000, "not an image"),
    "a web page": (b"<html><script>alert(1)</script></html>", "not an image"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', "not an image"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(/etc/passwd) (r) file\n", "not an image"),
    "zeroes": (bytes(1000), "not an image"),
    "a ZIP": (b"PK\x03\x04" + bytes(100), "not an image"),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_a_bad_picture_is_refused_with_the_reason(client, name):
    content, reason = PICTURES[name]
    for answer in (
        client.post(f"{SEARCH}/image", content=content),
        client.post(SEARCH, json={"parts": [{"image": base64.b64encode(content).decode()}]}),
    ):
        message = refused(answer, 422, "input")
        assert any(word in message for word in reason.split("|")), message


def test_the_pictures_of_a_query_share_a_bound_on_pixels(client):
    huge, large = encoded(6000, 5400), base64.b64encode(encoded(3000, 3000)).decode()
    assert "32,400,000" in refused(client.post(f"{SEARCH}/image", content=huge), 422, "input")
    four = client.post(SEARCH, json={"parts": [{"image": large}] * 4})
    assert "32,000,000 pixels together, but these have 36,000,000" in refused(four, 422, "input")
    assert client.post(SEARCH, json={"parts": [{"image": large}, {"text": "red"}], "k": 1}).status_code == 200


def test_a_mislabelled_picture_is_what_its_bytes_are(client):
    answer = client.post(f"{SEARCH}/image", content=encoded(64, 64, "JPEG"), headers={"content-type": "image/png"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "value", ["https://example.org/cat.jpg", "file:///etc/passwd", "/etc/passwd", "data:image/png;base64,AAAA", "é"]
)
def test_an_address_or_a_path_is_never_opened(client, value):
    message = refused(client.post(SEARCH, json={"parts": [{"image": value}]}), 422, "input")
    assert "base64" in message or "not an image" in message


@pytest.mark.parametrize(
    ("question", "at"),
    [
        ({"parts": [{"text": "x" * 10_000_000}]}, "body.parts.0.text"),
        ({"parts": [{"text": "x"}] * 17}, "body.parts"),
        ({"parts": []}, "body.parts"),
        ({"parts": [{}]}, "body.parts.0"),
        ({"parts": [{"text": "x", "like": "y"}]}, "body.parts.0"),
        ({"parts": [{"text": 3}]}, "body.parts.0.text"),
        ({"parts": [{"text": ""}]}, "body.parts.0.text"),
        ({"parts": [{"text": "x", "weight": 1e308}]}, "body.parts.0.weight"),
        ({"parts": [{"text": "x"}], "k": 0}, "body.k"),
        ({"parts": [{"text": "x"}], "k": 10**30}, "body.k"),
        ({"parts": [{"text": "x"}], "k": "5"}, "body.k"),
        ({"parts": [{"text": "x"}], "k": True}, "body.k"),
        ({"parts": [{"text": "x"}], "radius": -1}, "body.radius"),
        ({"parts": [{"text": "x"}], "where": ["year"]}, "body.where"),
        ({"parts": [{"text": "x"}], "where": "x" * 5000}, "body.where"),
        ({"parts": [{"text": "x"}], "target": "sound"}, "body.target"),
        ({"parts": [{"text": "x"}], "picture": "/etc/passwd"}, "body.picture"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_a_wrong_type_or_size_is_named_by_its_place(client, question, at):
    answer = client.post(SEARCH, json=question)
    assert refused(answer, 422, "input").startswith(at)
    assert answer.json()["error"]["at"] == at
    assert len(answer.content) < 500


MANY = {f"{number:x}": 1 for number in range(100_000)}


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        ("search", {"parts": [{"text": "x"}], **MANY}, "body.0"),
        ("search", {"parts": [{"text": "x", **MANY}]}, "body.parts.0.0"),
        ("search", {"parts": [{"text": "x"}], "y" * 10_000_000: 1}, "body.yyy"),
        ("search", {"parts": [1] * 1_000_000}, "body.parts"),
        ("items", {"items": [{"id": "x"}], **MANY}, "body.0"),
        ("items", {"items": [{"id": "x", **MANY}]}, "body.items.0.0"),
        ("items", {"items": [{"id": "x", "texts": [1] * 1_000_000}]}, "body.items.0.texts"),
    ],
    ids=["names", "names in a part", "a long name", "parts", "names of items", "names in an item", "texts"],
)
def test_a_million_faults_cost_what_one_costs(client, path, body, at):
    from crossbit.server.requests import AddRequest, SearchRequest

    with pytest.raises(ValidationError) as faults:
        {"search": SearchRequest, "items": AddRequest}[path].model_validate(body)
    assert faults.value.error_count() < 100
    answer = client.post(f"/api/collections/scenes24/{path}", json=body, headers=ALLOWED)
    assert refused(answer, 422, "input").startswith(at)
    assert answer.json()["error"]["at"].startswith(at)
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    "where",
    [
        "__import__('os').system('ls')", "(" * 1000, "year == " + "-" * 3000 + "1", "1; DROP TABLE items",
        "year in [" * 300,
        "\0", "year == 1e999", "year == 99999999999999999999999", "text.__class__ == 1", 'metadata["\'; --"] == 1 and',
        "lambda: 1", "year if year else year", "not " * 900 + "year", "f'{year}'",
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused(client, where):
    answer = client.get(SEARCH, params={"text": "x", "where": where})
    assert answer.status_code in (200, 422), answer.text  # 200: what is odd, but means something
    if answer.status_code == 422:
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"parts":' * 5000, b"NaN", b'{"a":1}' * 2])
def test_no_json_is_400_or_422(client, body):
    answer = client.post(SEARCH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        '{"parts":[{"text":"\\ud800"}]}',
        '{"parts":[{"text":"\\u0000"}]}',
        '{"parts":[{"text":"x","weight":NaN}]}',
        '{"parts":[{"like":"\\ud800"}]}',
    ],
)
def test_a_text_that_is_no_text_is_no_fault_of_the_server(client, body):
    answer = client.post(SEARCH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400, 404, 422)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "%00",
        "page.css/../../limits.py",
        "....//x",
        "C:\\x",
    ],
)
def test_a_path_leads_nowhere(client, name):
    for address in (f"/page/{name}", f"/api/collections/{name}/item?id=1", f"/{name}"):
        answer = client.get(address)
        assert answer.status_code in (404, 422), address
        assert "root:" not in answer.text
    refused(client.get("/api/collections/scenes24/thumbnail", params={"id": name}), 404, "no-item")


def test_a_request_that_is_too_large_is_refused_before_it_is_read(client, address):
    refused(client.post(SEARCH, content=b"x" * (17 << 20)), 413, "too-large")
    with _connection(address) as raw:
        raw.sendall(_head("POST", SEARCH, **{"content-length": str(10**12)}))
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")
    with _connection(address) as raw:
        raw.sendall(_head("POST", SEARCH, **{"transfer-encoding": "chunked"}))
        with suppress(OSError):  # the server has closed
            for _ in range(40):
                raw.sendall(b"100000\r\n" + bytes(0x100000) + b"\r\n")
        assert_cut(_all(raw), 413)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80", "[::2]"])
def test_another_host_name_is_refused_where_only_this_machine_may_ask(shelf, host):
    from crossbit.server import create_app, serving
    from crossbit.server.middleware import LOCAL_NAMES

    with serving(create_app([shelf], hosts=LOCAL_NAMES)) as address, httpx.Client(base_url=address) as client:
        assert client.get("/api/health").status_code == 200
        port = urlsplit(address).port
        for name in ("localhost", f"localhost:{port}", f"[::1]:{port}", "LOCALHOST"):
            assert client.get("/api/health", headers={"host": name}).status_code == 200
        refused(client.get("/api/health", headers={"host": host}), 400, "host")


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\0" * 5000, b"GET / HTTP/1.1\r\n\r\n", b"A" * 200_000]
)
def test_what_is_no_http_is_400(client, address, noise):
    with _connection(address) as raw:
        with suppress(OSError):  # the server has closed
            raw.sendall(noise)
            raw.shutdown(socket.SHUT_WR)
        answer = _all(raw)
    assert_cut(answer, 400)


def test_slow_clients_are_cut_and_take_no_slot(started):
    address = started(workers=1, head_seconds=0.6, body_seconds=0.6, idle_seconds=0.6)
    heads = [_connection(address) for _ in range(10)]
    bodies = [_connection(address) for _ in range(10)]
    for raw in heads:
        raw.sendall(b"GET /api/health HTTP/1.1\r\n")
    for raw in bodies:
        raw.sendall(_head("POST", SEARCH, **{"content-length": "100"}) + b"{")
    begin = time.monotonic()
    assert httpx.get(f"{address}{SEARCH}?text=x", timeout=60).status_code == 200
    for raw in heads:
        assert_cut(_all(raw, trickle=b"x"), 408)
    for raw in bodies:
        answer = _all(raw)
        assert answer.startswith(b"HTTP/1.1 408")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["kind"] == "slow-client"
    assert time.monotonic() - begin < 30
    assert httpx.get(f"{address}{SEARCH}?text=x", timeout=60).status_code == 200


def test_a_client_that_does_not_read_is_cut(started):
    limits = {"idle_seconds": 0.5, "body_seconds": 0.5, "seconds": 2, "write_seconds": 2, "send_seconds": 0.5}
    address = started(connections=1, **limits)
    with _connection(address) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(300):  # of 36 kB each: more than the sockets hold
            raw.sendall(_head("GET", "/openapi.json"))
        refused(httpx.get(f"{address}/api/health", timeout=60), 503, "overloaded")
        deadline = time.monotonic() + 60
        while httpx.get(f"{address}/api/health", timeout=60).status_code != 200:
            assert time.monotonic() < deadline, "the server still waits for a client that does not read"
            with suppress(OSError):  # the server has closed
                raw.sendall(b"\r\n")
            time.sleep(0.3)


def test_too_many_connections_are_refused_and_forgotten(started):
    address = started(connections=5, head_seconds=60)
    idle = [_connection(address) for _ in range(5)]
    time.sleep(0.5)
    refused(httpx.get(f"{address}/api/health", timeout=60), 503, "overloaded")
    for raw in idle:
        raw.close()
    deadline = time.monotonic() + 30
    while httpx.get(f"{address}/api/health", timeout=60).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _connection(address):
    return socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), timeout=60)


def assert_cut(answer, status):
    """Assert that a connection ended with a status, or without one where the client was still sending."""
    assert not answer or answer.startswith(b"HTTP/1.1 %d " % status)


def _head(method, path, **headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{lines}\r\n".encode()


def _all(raw, trickle=b""):
    """Return all that the server sends until it closes, sending a byte now and then."""
    answer = b""
    raw.settimeout(0.2 if trickle else 60)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            part = raw.recv(65536)
        except TimeoutError:
            try:
                raw.sendall(trickle)
            except OSError:
                break
            continue
        except OSError:
            break
        if not part:
            break
        answer += part
    else:
        pytest.fail("the server waits for ever")
    raw.close()
    return answer

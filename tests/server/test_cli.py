"""`crossbit serve` as it is typed: it says where it listens, answers, and ends when it is told to."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from crossbit.cli.serve import read_key
from crossbit.errors import InputError
from crossbit.server.served import slug
from helpers.refusals import KEY

ROOT = Path(__file__).parents[2]


def test_it_serves_until_interrupted(folders):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "CROSSBIT_API_KEY": KEY}
    command = [sys.executable, "-m", "crossbit", "serve", *map(str, folders), "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address), process.stderr.read()
        facts = httpx.get(f"{address}/api/collections", timeout=60).json()
        assert [each["name"] for each in facts["collections"]] == ["scenes24", "scenes8"]
        assert facts["writable"]
        assert "<!doctype html>" in httpx.get(address, timeout=60).text
        assert httpx.get(address, headers={"host": "photos.example"}, timeout=60).status_code == 400
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130, -signal.SIGINT)


def test_what_cannot_be_served_is_said(crossbit_cli, folders, tmp_path, address):
    ended = crossbit_cli("serve", tmp_path / "none", "--port", "0")
    assert (ended.status, "is not a collection" in ended.err) == (2, True)
    taken = crossbit_cli("serve", folders[0], "--port", address.rpartition(":")[2])
    assert (taken.status, "choose another --port" in taken.err) == (2, True)
    assert crossbit_cli("serve", folders[0], "--api-key-file", tmp_path / "none").status == 2


def test_a_key_comes_from_a_file_or_the_environment_and_cannot_be_guessed(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert read_key(file, "something else entirely") == KEY
    assert read_key(None, KEY) == KEY
    assert read_key(None, None) is None
    for bad in ("", "short", "a key with blanks in it", "schlüssel-schlüssel"):
        with pytest.raises(InputError, match="at least 16 printable"):
            read_key(None, bad)


def test_a_collection_is_named_as_an_address_can_hold_it():
    assert slug(Path("/photos/My cats & dogs")) == "My-cats-dogs"
    assert slug(Path("/photos/..hidden")) == "hidden"
    assert slug(Path("/")) == "collection"

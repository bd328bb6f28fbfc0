"""Files and folders appear whole or not at all, whatever ends the writing."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossbit.errors import InputError
from crossbit.io import atomic
from crossbit.io.atomic import append_line, atomic_file, atomic_folder, atomic_write, refuse_unwritable


class Ended(BaseException):
    """What no handler of errors catches, as an interrupt."""


def _half(place: Path) -> None:
    place.write_text("half")
    raise Ended


def test_a_file_is_replaced_when_the_new_one_is_complete(tmp_path):
    place = tmp_path / "a.txt"
    atomic_write(place, "ä")
    atomic_write(place, memoryview(b"new"))
    assert place.read_bytes() == b"new"
    with pytest.raises(Ended), atomic_file(place) as partial:
        _half(partial)
    assert place.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_went_meanwhile_does_not_come_back(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "gone" / "a.txt", "a")
    assert not (tmp_path / "gone").exists()


def test_a_folder_is_replaced_when_the_new_one_is_complete(tmp_path):
    place = tmp_path / "above" / "folder"
    for content in ("old", "new"):
        with atomic_folder(place) as made:
            (made / "below").mkdir()
            (made / "below" / content).write_text(content)
    assert os.listdir(place / "below") == ["new"]
    with pytest.raises(Ended), atomic_folder(place) as made:
        _half(made / "half")
    assert os.listdir(place / "below") == ["new"]
    assert os.listdir(place.parent) == ["folder"]


def test_a_folder_that_cannot_be_replaced_is_as_it_was(tmp_path, monkeypatch):
    place = tmp_path / "folder"
    place.mkdir()
    (place / "old").write_text("old")
    replace = Path.replace

    def failing(self, target):
        if self.name == "new":
            raise Ended
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(Ended), atomic_folder(place) as made:
        (made / "new").write_text("new")
    assert os.listdir(place) == ["old"]
    assert os.listdir(tmp_path) == ["folder"]


def synced(monkeypatch) -> list[str]:
    """Return a list that the names of all that is synced go into."""
    names: list[str] = []
    sync = atomic._sync
    monkeypatch.setattr(atomic, "_sync", lambda place: (names.append(place.name), sync(place)))
    return names


def test_files_and_the_folders_that_name_them_are_synced(tmp_path, monkeypatch):
    names = synced(monkeypatch)
    atomic_write(tmp_path / "a", "a")
    assert names[0].endswith(".part")
    for _ in range(2):
        append_line(tmp_path / "b", "b")
    assert names[1:] == [tmp_path.name, "b", tmp_path.name, "b"]


def test_a_folder_is_synced_with_all_that_it_holds(tmp_path, monkeypatch):
    names = synced(monkeypatch)
    with atomic_folder(tmp_path / "folder") as made:
        (made / "below").mkdir()
        (made / "below" / "file").write_text("a")
    assert sorted(names[:-1]) == ["below", "file", "new"]
    assert names[-1] == tmp_path.name


def test_a_line_that_a_crash_cut_off_is_ended(tmp_path):
    place = tmp_path / "ledger"
    place.write_text("torn")
    append_line(place, "whole")
    assert place.read_text() == "torn\nwhole\n"


FULL = """
import resource, sys
from pathlib import Path
import numpy as np, torch
from safetensors.torch import save_file
from crossbit.errors import DiskError, InputError
from crossbit.io.atomic import append_line, atomic_file, atomic_folder, atomic_write

place = Path(sys.argv[1])
many = np.zeros(100_000, np.float32)

def folder():
    with atomic_folder(place / "old") as made, (made / "a.npy").open("wb") as file:
        np.save(file, many)

def rust():
    with atomic_file(place / "old.bin") as made:
        save_file({"a": torch.from_numpy(many)}, made)

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
whole = lambda: atomic_write(place / "old.bin", many.tobytes())
line = lambda: append_line(place / "ledger", "x" * 10_000)
for write in (folder, rust, whole, line):
    try:
        write()
    except DiskError as error:
        assert not isinstance(error, InputError)
        print(error)
"""


def test_a_disk_that_takes_no_more_is_an_error_of_storage(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old.bin").write_text("old")
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) == 4
    assert all("cannot be written: " in line and "what was complete before is kept" in line for line in said)
    assert sum("File too large" in line for line in said) == 3
    assert (tmp_path / "old.bin").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"old", "old.bin", "ledger"}


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), atomic_file(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "not yours")
    with pytest.raises(InputError, match="wrong"), atomic_file(tmp_path / "a"):
        raise InputError("wrong")


def test_a_place_that_cannot_be_written_is_refused_early(tmp_path):
    (tmp_path / "file").write_text("a")
    refuse_unwritable(tmp_path / "new" / "below")
    with pytest.raises(InputError, match="file is not a writable folder"):
        refuse_unwritable(tmp_path / "file" / "below")

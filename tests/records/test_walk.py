"""The walk of a folder: its order, what it leaves out, and that every file comes out or is accounted for."""

import os
import time
from collections import Counter

import pytest

from crossbit.errors import InputError
from crossbit.records.kinds import kind_of
from crossbit.records.record import ReadingReport, ReadOptions
from crossbit.records.walk import files_of


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def walked(folder, **options):
    """Return the files of a folder, and those left out by kind, once they are all there are."""
    report = ReadingReport()
    files = files_of(folder, ReadOptions(**options), report)
    there = [os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names]
    assert sorted([*files, *(each.name for each in report.unread)]) == sorted(there)
    return files, dict(Counter(each.kind for each in report.unread))


def test_files_come_in_the_order_of_their_parts(tmp_path):
    make(tmp_path, "b.jpg", "a/z.jpg", "a.jpg", "a/b/c.jpg", "A.jpg", "a-b.jpg")
    files, _ = walked(tmp_path)
    assert files == ["A.jpg", "a/b/c.jpg", "a/z.jpg", "a-b.jpg", "a.jpg", "b.jpg"]
    assert files == sorted(files, key=lambda path: path.split("/"))


def test_hidden_files_and_folders_of_systems_are_left_out_and_counted(tmp_path):
    make(
        tmp_path,
        "a.jpg",
        "x/@eaDir/a.jpg/SYNO_THUMB.jpg",
        "x/@eaDir/b.jpg",
        "#recycle/a.jpg",
        "$RECYCLE.BIN/R1.jpg",
        "System Volume Information/x",
        ".Trash-1000/files/a.jpg",
        ".thumbnails/a.jpg",
        "@Recycle/a.jpg",
        "lost+found/a.jpg",
        "__MACOSX/._a.jpg",
        ".git/objects/a",
        "._a.jpg",
        ".DS_Store",
    )
    files, left_out = walked(tmp_path)
    assert files == ["a.jpg"]
    assert left_out == {
        "in @eaDir": 2,
        "in #recycle": 1,
        "in $RECYCLE.BIN": 1,
        "in System Volume Information": 1,
        "in .Trash-1000": 1,
        "in .thumbnails": 1,
        "in @Recycle": 1,
        "in lost+found": 1,
        "in __MACOSX": 1,
        "in hidden folders": 1,
        "hidden": 1,
        "files of the system": 1,
    }


def test_a_hidden_folder_that_is_given_is_read(tmp_path):
    make(tmp_path, ".hidden/a.jpg")
    assert walked(tmp_path / ".hidden") == (["a.jpg"], {})


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ({"exclude": ("drafts",)}, ["a.jpg", "b.png", "sea/c.jpg", "sea/low/d.png"]),
        ({"exclude": ("./drafts/",)}, ["a.jpg", "b.png", "sea/c.jpg", "sea/low/d.png"]),
        ({"exclude": ("sea/low",)}, ["a.jpg", "b.png", "drafts/e.jpg", "sea/c.jpg", "sea/drafts/f.jpg"]),
        ({"exclude": ("*.png", "sea/*")}, ["a.jpg", "drafts/e.jpg"]),
        ({"exclude": ("?.jpg",)}, ["b.png", "sea/low/d.png"]),
        ({"include": ("*.png",)}, ["b.png", "sea/low/d.png"]),
        ({"include": ("sea",)}, ["sea/c.jpg", "sea/drafts/f.jpg", "sea/low/d.png"]),
        ({"include": ("sea/*.jpg",)}, ["sea/c.jpg", "sea/drafts/f.jpg"]),  # a * crosses slashes
        ({"include": ("sea",), "exclude": ("drafts", "*.png")}, ["sea/c.jpg"]),
        ({"include": ("/sea/**/*.jpg",)}, ["sea/c.jpg", "sea/drafts/f.jpg"]),
        ({"include": ("**/*.png",)}, ["b.png", "sea/low/d.png"]),
        ({"include": ("[ab].*",)}, ["a.jpg", "b.png"]),
    ],
)
def test_globs_match_names_and_paths_of_files_and_of_folders_above(tmp_path, options, files):
    make(tmp_path, "a.jpg", "b.png", "sea/c.jpg", "sea/low/d.png", "drafts/e.jpg", "sea/drafts/f.jpg")
    found, left_out = walked(tmp_path, **options)
    assert found == files
    assert left_out == {"excluded": 6 - len(files)}


def test_globs_that_match_nothing_are_refused_with_what_is_there(tmp_path):
    make(tmp_path, "a.jpg", "b.jpg", "c.png", "a.txt")
    with pytest.raises(
        InputError, match=r"no file matches include '\*.JPG', in which case counts; there are 2 .jpg, 1 .png"
    ):
        walked(tmp_path, include=("*.JPG",))
    with pytest.raises(InputError, match="has braces, which stand for themselves"):
        walked(tmp_path, include=("*.{jpg,png}",))


def test_links_never_lead_in_circles(tmp_path):
    make(tmp_path, "real/a.jpg")
    (tmp_path / "a-link.jpg").symlink_to(tmp_path / "real" / "a.jpg")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    report = ReadingReport()
    assert files_of(tmp_path, ReadOptions(), report) == ["a-link.jpg", "real/a.jpg"]
    assert {each.name: each.kind for each in report.unread} == {
        "real/up": "links to folders",
        "self.jpg": "links that lead nowhere",
        "gone.jpg": "links that lead nowhere",
        "pipe.jpg": "devices and pipes",
    }


def test_a_folder_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    make(tmp_path, "a.jpg", "locked/b.jpg", "@eaDir/c.jpg")
    scandir = os.scandir

    def refusing(path):
        if path.name in ("locked", "@eaDir"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    report = ReadingReport()
    assert files_of(tmp_path, ReadOptions(), report) == ["a.jpg"]
    assert report.summary() == ["1 in @eaDir", "1 folder that cannot be opened: permission denied"]
    with pytest.raises(InputError, match="locked cannot be read: Permission denied"):
        files_of(tmp_path / "locked", ReadOptions(), report)


def test_a_deep_folder_is_walked(tmp_path):
    make(tmp_path, "/".join(["d"] * 300) + "/a.jpg")
    (path,), _ = walked(tmp_path)
    assert path.count("/") == 300


def test_many_files_are_walked_in_a_moment(tmp_path):
    for number in range(20):
        make(tmp_path, *(f"{number}/{each}.jpg" for each in range(100)))
    start = time.perf_counter()
    assert len(walked(tmp_path)[0]) == 2000
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("name", "kind", "picture"),
    [
        ("a.jpg", "JPEG", True),
        ("a.JPE", "JPEG", True),
        ("a.jfif", "JPEG", True),
        ("a.mpo", "JPEG", True),
        ("IMG_1.MOV", "videos", False),
        ("IMG_1.AAE", "sidecars of photo programs", False),
        ("Thumbs.db", "files of the system", False),
        ("desktop.ini", "files of the system", False),
        ("x.psd", "PSD", False),
        ("README", "files without an ending", False),
        ("x.docx", ".docx", False),
        ("x.tar.gz", "archives", False),
        ("x.\x1b[2J", "other files", False),
    ],
)
def test_kinds_follow_from_endings(name, kind, picture):
    assert kind_of(name)[:2] == (kind, picture)


@pytest.mark.parametrize(("name", "module"), [("a.HEIC", "pillow_heif"), ("a.hif", "pillow_heif"), ("a.CR3", "rawpy")])
@pytest.mark.parametrize("installed", [True, False])
def test_what_the_extra_reads_is_read_where_it_is_installed(name, module, installed, monkeypatch):
    monkeypatch.setattr("crossbit.records.kinds._installed", lambda asked: installed and asked == module)
    kind = kind_of(name)
    assert kind.picture == installed
    assert kind.reason == ("" if installed else "install crossbit[photos]")

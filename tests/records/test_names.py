"""Names: a list's name for a file finds it in another spelling, and never outside the folder."""

import os
import unicodedata

import pytest

from crossbit.errors import InputError
from crossbit.records.names import FileFinder

NFC, NFD = (unicodedata.normalize(form, "été.jpg") for form in ("NFC", "NFD"))


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "sea/b c.jpg", "sea/100%25.jpg", "Case.JPG", "two.jpg", "TWO.jpg", NFD, f"sub/{NFC}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path", "difference"),
    [
        ("a.jpg", "a.jpg", None),
        ("./a.jpg", "a.jpg", None),
        ("sea//b c.jpg", "sea/b c.jpg", None),
        ("sea\\b c.jpg", "sea/b c.jpg", "1 name has backslashes, taken for slashes"),
        ("sea/b%20c.jpg", "sea/b c.jpg", "1 name is percent-encoded"),
        ("sea\\b%20c.jpg", "sea/b c.jpg", "1 name is percent-encoded, with backslashes"),
        ("sea/100%25.jpg", "sea/100%25.jpg", None),
        (NFC, NFD, "1 name is in another normal form (NFC, NFD)"),
        (f"sub/{NFD}", f"sub/{NFC}", "1 name is in another normal form (NFC, NFD)"),
        ("case.jpg", "Case.JPG", "1 name differs in case"),
        ("SEA/B C.jpg", "sea/b c.jpg", "1 name differs in case"),
        ("two.jpg", "two.jpg", None),
        ("Two.jpg", None, None),
        ("gone.jpg", None, None),
        ("sea", None, None),
        ("a.jpg/b.jpg", None, None),
        ("file:///a.jpg", None, None),
        ("x" * 5000, None, None),
    ],
)
def test_a_file_is_found_in_the_spelling_of_the_folder(folder, name, path, difference):
    finder = FileFinder(folder)
    assert finder.find(name) == path
    assert finder.differences() == ([difference] if difference else [])


@pytest.mark.parametrize(
    "name", ["../a.jpg", "sea/../../a.jpg", "/etc/passwd", "..\\a.jpg", "C:\\a.jpg", "a\0.jpg", ""]
)
def test_a_name_that_leads_out_is_refused(folder, name):
    with pytest.raises(InputError, match=r"leads out of|is an absolute path|is no name of a file"):
        FileFinder(folder).find(name)


def test_an_absolute_path_below_the_folder_is_taken_below_it(folder, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "photos"
    link.symlink_to(folder)
    for below in (folder, link):
        finder = FileFinder(link)
        assert finder.find(f"{below}/sea/b c.jpg") == "sea/b c.jpg"
        assert finder.find(f"{below}/gone.jpg") is None
        assert finder.differences() == ["2 names are absolute, taken below the folder of the pictures"]
    with pytest.raises(InputError, match="leads out of"):
        finder.find(f"{folder}/../a.jpg")
    with pytest.raises(InputError, match="is an absolute path; image names must be relative"):
        finder.find(f"{folder}-2/a.jpg")


@pytest.mark.parametrize("name", ["%2e%2e/a.jpg", "sea/%2E%2E/%2E%2E/a.jpg", "%2Fetc%2Fpasswd", "%00"])
def test_an_encoded_name_leads_nowhere_else(folder, name):
    (folder.parent / "a.jpg").touch()
    assert FileFinder(folder).find(name) is None


def test_each_folder_is_listed_once_however_many_names_are_missing(folder, monkeypatch):
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    finder = FileFinder(folder)
    assert not any(finder.find(f"sea/{number}.jpg") for number in range(1000))
    assert finder.find("sea/b c.jpg")
    assert listed == [folder, folder / "sea"]


def test_a_link_is_followed_and_one_to_itself_is_no_file(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "o.jpg").touch()
    (folder / "out").symlink_to(outside)
    (folder / "loop.jpg").symlink_to("loop.jpg")
    finder = FileFinder(folder)
    assert finder.find("out/o.jpg") == "out/o.jpg"
    assert finder.find("loop.jpg") is None

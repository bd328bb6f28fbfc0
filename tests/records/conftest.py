"""What the tests of records share: pictures in a folder, and what became of each file."""

import os
from collections import Counter

import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path):
    """Make small pictures that differ, by their names below a folder."""

    def make(*names, folder=tmp_path / "data"):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            image = Image.new("RGB", (8, 8), (number % 256, 90, 40))
            image.save(folder / name, "PNG" if name.endswith(".png") else "JPEG")
        return folder

    return make


@pytest.fixture
def accounted():
    """Return the number of unread files by kind, once every file of a folder is known to be read or counted."""

    def account(records, folder, used=()):
        there = {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}
        read = {record.image.relative_to(folder).as_posix() for record in records.records if record.image}
        unread = [each.name for each in records.report.unread]
        assert sorted([*read, *unread, *used]) == sorted(there)
        return dict(Counter(each.kind for each in records.report.unread))

    return account

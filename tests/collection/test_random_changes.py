"""Changes at random from several folders, against a model in dictionaries: nothing is lost, mixed up or made up."""

import csv
import random
import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from crossbit.collection import Collection
from crossbit.collection.ingest.sources import read_source
from crossbit.collection.integrity.verify import verify
from crossbit.collection.operations.relocate import relocate
from crossbit.collection.operations.sync import sync

NAMES = [f"IMG_{number}.png" for number in range(5)]
WORDS = ["a red circle", "a blue star", "a green square", "two yellow triangles"]


@dataclass
class Fake:
    """An item as the model knows it."""

    picture: int
    text: str
    hand: str | None = None
    metadata: dict = field(default_factory=dict)

    @property
    def texts(self):
        return (self.text if self.hand is None else self.hand,)


class Walk:
    """A collection beside its model: `folders` hold a picture and a text by name, `items` are by folder and name."""

    def __init__(self, shelf, root, seed):
        self.shelf, self.root, self.dice = shelf, root, random.Random(seed)
        self.folders = {0: {}, 1: {}, 2: {}}
        self.paths = {number: root / f"{number}" / "DCIM" for number in self.folders}
        self.items, self.ids, self.pictures = {}, {}, 0
        for folder in self.folders:
            self.paths[folder].mkdir(parents=True)
            for name in NAMES[:3]:
                self.new_file(folder, name)

    def new_file(self, folder, name):
        self.pictures += 1
        pixels = np.random.default_rng(self.pictures).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).resize((48, 48)).save(self.paths[folder] / name)
        self.folders[folder][name] = (self.pictures, self.dice.choice(WORDS))

    def written(self, folder):
        with (self.paths[folder] / "captions.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [("image", "text"), *((name, text) for name, (_, text) in self.folders[folder].items())]
            )
        return self.paths[folder]

    def touch(self):
        """Change a file of a folder."""
        folder, name = self.dice.choice([*self.folders]), self.dice.choice(NAMES)
        files = self.folders[folder]
        match self.dice.randrange(4), name in files:
            case (0, True) if len(files) > 1:
                (self.paths[folder] / name).unlink()
                del files[name]
            case 1, True:
                files[name] = (files[name][0], self.dice.choice(WORDS))
            case 2, True if len(files) < len(NAMES):
                free = self.dice.choice([each for each in NAMES if each not in files])
                (self.paths[folder] / name).rename(self.paths[folder] / free)
                files[free] = files.pop(name)
            case _:
                self.new_file(folder, name)

    def take(self, folder):
        for name, (picture, text) in self.folders[folder].items():
            known = self.items.setdefault((folder, name), Fake(picture, text))
            known.picture, known.text = picture, text

    def add(self):
        folder = self.dice.choice([*self.folders])
        found = read_source(str(self.written(folder)), None)
        assert not self.shelf.add(getattr(found, "raws", found), source=self.paths[folder]).failures
        self.take(folder)

    def sync(self):
        folder = self.dice.choice([*self.folders])
        sync(self.shelf, self.written(folder))
        files = self.folders[folder]
        vanished = {key: self.items.pop(key) for key in [*self.items] if key[0] == folder and key[1] not in files}
        for name, (picture, _) in files.items():
            for key, item in vanished.items():
                if item.picture == picture and (folder, name) not in self.items:
                    self.items[folder, name] = item
                    self.ids.pop(key)
        self.take(folder)

    def some(self):
        identities = self.dice.sample([*self.items], min(len(self.items), 3))
        return identities, [self.ids[identity] for identity in identities]

    def update(self):
        identities, ids = self.some()
        text, year = self.dice.choice([*WORDS, None]), self.dice.choice([1, 2, None])
        self.shelf.update(ids, texts=text, metadata={"year": year})
        for identity in identities:
            item = self.items[identity]
            item.hand = item.hand if text is None else text
            item.metadata = {} if year is None else {"year": year}

    def reset(self):
        identities, ids = self.some()
        self.shelf.reset(ids)
        for identity in identities:
            self.items[identity].hand, self.items[identity].metadata = None, {}

    def remove(self):
        identities, ids = self.some()
        self.shelf.remove(ids[:1])
        for identity in identities[:1]:
            del self.items[identity]
            del self.ids[identity]

    def relocate(self):
        folder = self.dice.choice([*self.folders])
        old = self.paths[folder]
        if any(at == folder for at, _ in self.items):
            self.sync_first(folder)
            self.paths[folder] = self.root / f"{folder}" / f"moved {self.dice.random()}" / "DCIM"
            shutil.move(old, self.paths[folder])
            relocate(self.shelf, str(old), self.paths[folder])

    def sync_first(self, folder):
        """Let the folder hold most of what came from it, without which it may not move."""
        self.folders, others = {folder: self.folders[folder]}, self.folders
        self.sync()
        self.folders = others

    def check(self):
        found = {}
        places = {place: folder for folder, place in self.paths.items()}
        for item in self.shelf:
            folder = next(places[place] for place in places if item.picture == str(place / item.key))
            identity = (folder, item.key)
            assert self.ids.setdefault(identity, item.id) == item.id
            years = {name: value for name, value in item.metadata.items() if name == "year"}
            assert item.metadata["width"] == 48
            found[identity] = (item.texts, years, item.own.texts)
        assert found == {at: (item.texts, item.metadata, (item.text,)) for at, item in self.items.items()}


@pytest.mark.parametrize("seed", range(4))
def test_changes_at_random_are_those_of_the_model(model, tmp_path, seed):
    with Collection.create(tmp_path / "shelf", model, thumbnail=0, vectors=seed % 2 == 0) as shelf:
        walk = Walk(shelf, tmp_path / "photos", seed)
        steps = [walk.add, walk.add, walk.sync, walk.touch, walk.touch, walk.update, walk.reset, walk.remove]
        for _ in range(60):
            walk.dice.choice([*steps, walk.relocate])()
            walk.check()
        assert verify(shelf.folder).sound

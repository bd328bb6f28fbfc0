"""Captions of scenes: five sentences each that omit, count, relate and reword, as people do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from .objects import CAPTIONS, SIDE, Thing, objects, pick, stream

# the plain word comes up more often than each of its synonyms
SHAPE_WORDS = {
    "circle": ("circle", "circle", "circle", "disc", "dot"),
    "square": ("square", "square", "square", "box", "block"),
    "triangle": ("triangle", "triangle", "wedge"),
    "star": ("star",),
    "cross": ("cross", "cross", "plus sign"),
}
COLOUR_WORDS = {
    "red": ("red", "red", "red", "crimson", "scarlet"),
    "yellow": ("yellow", "yellow", "golden"),
    "green": ("green", "green", "emerald"),
    "blue": ("blue", "blue", "azure"),
    "purple": ("purple", "purple", "violet"),
}
SIZE_WORDS = {"small": ("small", "tiny", "little"), "medium": (), "large": ("large", "big", "huge")}
NUMBERS = ("no", "one", "two", "three", "four")
OPENINGS = ("", "", "There is ", "A picture of ", "The image shows ", "I can see ")


def captions(seed: int, index: int) -> tuple[str, ...]:
    """Return the five captions of one scene, each from a template of its own.

    >>> captions(0, 5)[1]
    'Purple square, yellow wedge, wedge.'
    """
    things = objects(seed, index)
    rng = stream(seed, index, CAPTIONS)
    return tuple(_sentence(TEMPLATES[turn](things, Speaker(rng))) for turn in rng.permutation(len(TEMPLATES)))


@final
class Speaker:
    """Writes one caption; it names things of one kind alike, so that they can be counted."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Choose among synonyms by `rng`."""
        self.rng = rng
        self._chosen: dict[str, str] = {}

    def words(self, thing: Thing, *, size: float, colour: float = 1.0) -> str:
        """Return a thing in words; its size and colour are mentioned with these probabilities."""
        sizes = SIZE_WORDS[thing.size] if self.rng.random() < size else ()
        colours = COLOUR_WORDS[thing.colour] if self.rng.random() < colour else ()
        parts = {thing.size: sizes, thing.colour: colours, thing.shape: SHAPE_WORDS[thing.shape]}
        return " ".join(self._word(part, words) for part, words in parts.items() if words)

    def some(self, things: Sequence[Thing], most: int) -> list[Thing]:
        """Return at most so many of the things, in any order."""
        return [things[i] for i in self.rng.permutation(len(things))[:most]]

    def _word(self, part: str, words: Sequence[str]) -> str:
        return self._chosen.setdefault(part, pick(self.rng, words))


def _listing(things: Sequence[Thing], speaker: Speaker) -> str:
    return pick(speaker.rng, OPENINGS) + _joined(_counted([speaker.words(thing, size=0.4) for thing in things]))


def _telegram(things: Sequence[Thing], speaker: Speaker) -> str:
    return ", ".join(speaker.words(thing, size=0.3, colour=0.9) for thing in speaker.some(things, 4))


def _partial(things: Sequence[Thing], speaker: Speaker) -> str:
    few = speaker.some(things, 2)
    rest = len(things) - len(few)
    more = "" if not rest else f", and {NUMBERS[rest]} more {'shape' if rest == 1 else 'shapes'}"
    return _joined(_counted([speaker.words(thing, size=0.2, colour=0.7) for thing in few])) + more


def _relation(things: Sequence[Thing], speaker: Speaker) -> str:
    if len(things) == 1:
        return _place(things, speaker)
    a, b = speaker.some(things, 2)
    across, down = b.x - a.x, b.y - a.y
    if abs(across) > abs(down):
        where = ("to the left of", "left of") if across > 0 else ("to the right of", "right of")
    else:
        where = ("above", "over") if down > 0 else ("below", "under")
    first, second = (_one(speaker.words(thing, size=0.3)) for thing in (a, b))
    return f"{first} {pick(speaker.rng, where)} {second}"


def _place(things: Sequence[Thing], speaker: Speaker) -> str:
    (thing,) = speaker.some(things, 1)
    row = "upper" if thing.y < SIDE * 0.4 else "lower" if thing.y > SIDE * 0.6 else ""
    column = "left" if thing.x < SIDE * 0.4 else "right" if thing.x > SIDE * 0.6 else ""
    spot = f"in the {' '.join(filter(None, (row, column)))} part" if row or column else "near the middle"
    count = "" if len(things) == 1 else f", one of {NUMBERS[len(things)]} shapes"
    return f"{_one(speaker.words(thing, size=0.5))} {spot}{count}"


TEMPLATES: tuple[Callable[[Sequence[Thing], Speaker], str], ...] = (_listing, _telegram, _partial, _relation, _place)


def _one(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _counted(phrases: Sequence[str]) -> list[str]:
    groups = Counter(phrases)
    return [_one(words) if n == 1 else f"{NUMBERS[n]} {_plural(words)}" for words, n in groups.items()]


def _plural(words: str) -> str:
    return words + ("es" if words.endswith(("s", "x")) else "s")


def _joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."

"""The things in a scene: one to four, each with a shape, a colour, a size and a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf
from typing import TypeVar, final

import numpy as np

T = TypeVar("T")

SIDE = 64
SHAPES = ("circle", "square", "triangle", "star", "cross")
COLOURS = {
    "red": (214, 46, 48),
    "yellow": (246, 211, 66),
    "green": (58, 163, 77),
    "blue": (52, 107, 214),
    "purple": (137, 70, 184),
}
RADII = {"small": (5.5, 7.0), "medium": (8.5, 10.5), "large": (12.5, 15.0)}
REPEAT = 0.15  # how often a thing is of the kind of the one before: captions can count "two red circles"
TRIES = 24  # places tried for a thing before the least crowded one is taken

OBJECTS, CAPTIONS, PIXELS = range(3)


def stream(seed: int, index: int, purpose: int) -> np.random.Generator:
    """Return the random numbers of one scene for one purpose, which no other scene or purpose shares."""
    return np.random.default_rng((seed, index, purpose))


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Return one of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


@final
@dataclass(frozen=True)
class Thing:
    """One thing of a scene; places and radii are in pixels from the upper left corner."""

    shape: str
    colour: str
    size: str
    x: float
    y: float
    radius: float
    tilt: float
    """The turn from upright, in radians."""

    @property
    def kind(self) -> str:
        """The class it belongs to: its colour and shape."""
        return f"{self.colour} {self.shape}"


def objects(seed: int, index: int) -> tuple[Thing, ...]:
    """Return the things of one scene, those behind first.

    >>> [thing.kind for thing in objects(0, 5)]
    ['yellow triangle', 'purple square', 'yellow triangle']
    """
    rng = stream(seed, index, OBJECTS)
    kinds: list[tuple[str, str]] = []
    for _ in range(rng.integers(1, 5)):
        repeated = kinds and rng.random() < REPEAT
        kinds.append(kinds[-1] if repeated else (pick(rng, SHAPES), pick(rng, tuple(COLOURS))))
    sizes = [pick(rng, tuple(RADII)) for _ in kinds]
    radii = [rng.uniform(*RADII[size]) for size in sizes]
    things: list[Thing] = []
    for i in sorted(
        range(len(radii)), key=radii.__getitem__, reverse=True
    ):  # a smaller thing is never hidden behind a larger one
        x, y = _place(rng, radii[i], things)
        things.append(Thing(*kinds[i], sizes[i], x, y, radii[i], rng.uniform(-0.35, 0.35)))
    return tuple(things)


def _place(rng: np.random.Generator, radius: float, others: Sequence[Thing]) -> tuple[float, float]:
    places = rng.uniform(radius + 1, SIDE - radius - 1, (TRIES, 2)).tolist()
    room = [min((hypot(x - o.x, y - o.y) - o.radius - radius for o in others), default=inf) for x, y in places]
    best = next((i for i, free in enumerate(room) if free > 1), room.index(max(room)))
    return places[best][0], places[best][1]

"""Pictures of scenes: shaded shapes with soft edges and shadows on a noisy background.

Edges are smooth because a pixel is covered as far as the signed distance of its centre from the outline says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from .objects import COLOURS, PIXELS, SIDE, Thing, objects, pick, stream

BACKGROUNDS = ((226, 222, 212), (198, 205, 212), (168, 160, 150), (128, 136, 142), (92, 88, 92), (58, 64, 74))
COARSE = 6  # the background's clouds are noise on a grid of 6 x 6
SHADOW = 2  # pixels that a shadow falls to the right and down

#: One number for each point of a grid.
Plane: TypeAlias = Float[ndarray, "h w"]

_PIXEL = np.arange(SIDE) + 0.5
_SMOOTH = np.maximum(0, 1 - np.abs(_PIXEL[:, None] / SIDE * (COARSE - 1) - np.arange(COARSE)))  # linear interpolation


def picture(seed: int, index: int) -> UInt8[ndarray, "64 64 3"]:
    """Return one scene as RGB pixels."""
    rng = stream(seed, index, PIXELS)
    canvas = _background(rng)
    for thing in objects(seed, index):
        _paint(canvas, thing, rng)
    canvas += rng.standard_normal(canvas.shape, np.float32) * rng.uniform(2, 7)
    pixels: UInt8[ndarray, "64 64 3"] = np.clip(canvas, 0, 255).astype(np.uint8)
    return pixels


def masks(seed: int, index: int) -> Bool[ndarray, "things 64 64"]:
    """Return the pixels where each thing of a scene is seen; what a later thing hides does not belong to it."""
    found = np.zeros((0, SIDE, SIDE), bool)
    for thing in objects(seed, index):
        whole = outline_distance(thing, _PIXEL[None, :], _PIXEL[:, None]) < 0
        found = np.concatenate([found & ~whole, whole[None]])
    return found


def outline_distance(thing: Thing, x: Float[ndarray, "#h #w"], y: Float[ndarray, "#h #w"]) -> Float[ndarray, "h w"]:
    """Return the distance of points from the outline of a thing, negative inside; near the outline it is exact."""
    cos, sin = np.cos(thing.tilt), np.sin(thing.tilt)
    u, v = x - thing.x, y - thing.y
    u, v = u * cos + v * sin, v * cos - u * sin
    return _OUTLINES[thing.shape](u / thing.radius, v / thing.radius) * thing.radius


def _background(rng: np.random.Generator) -> Float[ndarray, "64 64 3"]:
    base = np.array(pick(rng, BACKGROUNDS)) + rng.uniform(-14, 14, 3)
    clouds = _SMOOTH @ rng.normal(0, 14, (COARSE, COARSE)) @ _SMOOTH.T
    ground: Float[ndarray, "64 64 3"] = (base + clouds[:, :, None]).astype(np.float32)
    return ground


def _paint(canvas: Float[ndarray, "64 64 3"], thing: Thing, rng: np.random.Generator) -> None:
    reach = thing.radius + 2 + 2 * SHADOW
    left, top = max(int(thing.x - reach), 0), max(int(thing.y - reach), 0)
    right, bottom = min(int(thing.x + reach) + 1, SIDE), min(int(thing.y + reach) + 1, SIDE)
    x, y = _PIXEL[None, left:right], _PIXEL[top:bottom, None]
    distance = outline_distance(thing, x, y)
    view = canvas[top:bottom, left:right]
    shade = np.clip(0.5 - distance[:-SHADOW, :-SHADOW] / 4, 0, 1)
    view[SHADOW:, SHADOW:] *= 1 - 0.35 * shade[:, :, None]
    colour = np.array(COLOURS[thing.colour]) * rng.uniform(0.88, 1.06) + rng.uniform(-10, 10, 3)
    light = 1.0 - 0.16 * (y - thing.y) / thing.radius - 0.22 * np.clip(1 + distance / 1.8, 0, 1)
    cover = np.clip(0.5 - distance, 0, 1)[:, :, None]
    view[...] = view * (1 - cover) + np.clip(colour * light[:, :, None], 0, 255) * cover


def _star(u: Plane, v: Plane) -> Plane:
    """Fold the plane onto the tenth of it between a tip and the next inner corner, where the outline is one line."""
    tip, inner, tenth = 1.08, 0.486, np.pi / 5
    angle = abs((np.arctan2(u, -v) + tenth) % (2 * tenth) - tenth)
    length = np.sqrt(u * u + v * v)
    a, b = inner * np.sin(tenth), tip - inner * np.cos(tenth)
    line: Plane = a * (length * np.cos(angle) - tip) + b * length * np.sin(angle)
    return line / float(np.hypot(a, b))


# of unit size and upright: the distance of points (u, v) from the outline
_OUTLINES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "circle": lambda u, v: np.sqrt(u * u + v * v) - 1.0,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) - 0.86,
    "triangle": lambda u, v: np.maximum(v - 0.74, 0.871 * abs(u) - 0.491 * (v + 1)),
    "star": _star,
    "cross": lambda u, v: np.minimum(np.maximum(abs(u) - 0.34, abs(v) - 1), np.maximum(abs(u) - 1, abs(v) - 0.34)),
}

"""A photo of any size as windows that a detector of limited reach can search, in bounded memory.

The photo is halved until it is small, and every level is cut into overlapping tiles. Small photos are also searched at
twice their size, and small levels also turned to either side, because the detector loses small and turned faces.

Convention:
    Windows and levels have their own pixel coordinates, with integer pixel centres as everywhere (see `cloak.photo`).
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cloak.faces import geometry
from cloak.models.networks.yunet import MULTIPLE

TILE = 640
OVERLAP = 96
"""A face that no tile of a level holds whole is longer than this: the next level shows it at half the size."""

SMALLEST = 160
"""Halving ends when the longer side is at most this, so that a face that fills the photo is seen small as well."""

DOUBLED_PIXELS = 1_200_000
"""Photos up to this size are searched at twice their size as well."""

TURNED_PIXELS = 1_000_000
"""Levels up to this size are searched at `ANGLES` as well."""

ANGLES = (-32.0, 32.0)
"""Degrees; with the detector's own reach of about 15 they cover turns up to 45."""

_BAND = 32  # rows of the smaller image that are made at a time


class Level(NamedTuple):
    """The photo at one scale.

    Attributes:
        pixels: uint8 (3, h, w).
        to_photo: float32 (2, 3), from level pixels to photo pixels.
    """

    pixels: Tensor
    to_photo: Tensor


class Window(NamedTuple):
    """A part of a level.

    Attributes:
        pixels: uint8 (3, h, w), h and w at most `TILE`.
        to_photo: float32 (2, 3), from window pixels to photo pixels.
        bounds: left, top, right, bottom: a face that reaches over them is cut off here and whole in another window.
    """

    pixels: Tensor
    to_photo: Tensor
    bounds: tuple[float, float, float, float]


def pyramid(photo: Tensor) -> list[Level]:
    """Return the photo and its halvings, the largest first.

    Args:
        photo: uint8 (3, H, W).
    """
    levels = [Level(photo, _scaling(1.0))]
    while max(levels[-1].pixels.shape[1:]) > SMALLEST and min(levels[-1].pixels.shape[1:]) > 1:
        levels.append(Level(_halve(levels[-1].pixels), _scaling(2.0 ** len(levels))))
    return levels


def windows(levels: list[Level]) -> Iterator[Window]:
    """Cut everything that is to be searched into windows: the levels, the doubled photo, the turned levels."""
    _, height, width = levels[0].pixels.shape
    if height * width <= DOUBLED_PIXELS:
        levels = [_doubled(levels[0]), *levels]
    for level in levels:
        yield from _tiles(level)
        _, height, width = level.pixels.shape
        if height * width <= TURNED_PIXELS:
            for angle in ANGLES:
                yield from _turned_tiles(level, math.radians(angle))


def _scaling(factor: float) -> Tensor:
    """From the pixels of a level that is `factor` times smaller to photo pixels: corners, not centres, coincide."""
    shift = (factor - 1) / 2
    return torch.tensor([[factor, 0, shift], [0, factor, shift]])


def _halve(image: Tensor) -> Tensor:
    """Average blocks of 2 x 2 pixels, in bands, so that the image is never float as a whole."""
    _, height, width = image.shape
    half = image.new_empty(3, height // 2, width // 2)
    for top in range(0, height // 2, _BAND):
        band = image[:, 2 * top : 2 * min(top + _BAND, height // 2), : width // 2 * 2]
        half[:, top : top + _BAND] = _byte(F.avg_pool2d(band.float(), 2))
    return half


def _byte(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255).to(torch.uint8)


def _doubled(level: Level) -> Level:
    doubled = F.interpolate(level.pixels[None].float(), scale_factor=2.0, mode="bilinear", align_corners=False)
    return Level(_byte(doubled[0]), _scaling(0.5))


def _tiles(level: Level) -> Iterator[Window]:
    _, height, width = level.pixels.shape
    for left, top, right, bottom in _cut(width, height):
        yield Window(
            level.pixels[:, top:bottom, left:right],
            geometry.compose(level.to_photo[None], _shift(left, top)[None])[0],
            _bounds((left, top, right, bottom), width, height),
        )


def _turned_tiles(level: Level, angle: float) -> Iterator[Window]:
    """Turn a level by an angle in radians, clockwise as seen, and cut it; the corners that appear are black.

    The turned level is made tile by tile, and only where it is not all black: that of a panorama would be huge.
    """
    _, height, width = level.pixels.shape
    cos, sin = math.cos(angle), math.sin(angle)
    canvas_width = math.ceil(width * abs(cos) + height * abs(sin))
    canvas_height = math.ceil(width * abs(sin) + height * abs(cos))
    linear = torch.tensor([[cos, sin], [-sin, cos]])
    middle = torch.tensor([width - 1, height - 1]) / 2
    to_level = torch.cat(
        [linear, (middle - linear @ (torch.tensor([canvas_width - 1, canvas_height - 1]) / 2))[:, None]], 1
    )
    image = level.pixels[None].float()
    for left, top, right, bottom in _cut(canvas_width, canvas_height):
        from_tile = geometry.compose(to_level[None], _shift(left, top)[None])
        corners = torch.tensor([[0, 0], [right - left, 0], [0, bottom - top], [right - left, bottom - top]]).float()
        around = geometry.apply(from_tile, corners[None])[0]
        if (around.amin(0) >= torch.tensor([width, height])).any() or (around.amax(0) <= 0).any():
            continue
        x, y = torch.arange(right - left, dtype=torch.float32), torch.arange(bottom - top, dtype=torch.float32)
        outputs = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(1, -1, 2)
        sources = geometry.apply(from_tile, outputs).reshape(1, len(y), len(x), 2)
        grid = (2 * sources + 1) / torch.tensor([width, height]) - 1
        pixels = _byte(F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0])
        to_photo = geometry.compose(level.to_photo[None], from_tile)[0]
        yield Window(pixels, to_photo, _bounds((left, top, right, bottom), canvas_width, canvas_height))


def _shift(left: float, top: float) -> Tensor:
    return torch.tensor([[1.0, 0, left], [0, 1, top]])


def _bounds(tile: tuple[int, int, int, int], width: int, height: int) -> tuple[float, float, float, float]:
    left, top, right, bottom = tile
    return (
        -math.inf if left == 0 else 0.0,
        -math.inf if top == 0 else 0.0,
        math.inf if right == width else right - left - 1.0,
        math.inf if bottom == height else bottom - top - 1.0,
    )


def _cut(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut into tiles of one size: left, top, right, bottom, the last two exclusive."""
    for top, bottom in _spans(height):
        for left, right in _spans(width):
            yield left, top, right, bottom


def _spans(length: int) -> list[tuple[int, int]]:
    """Cut a length into spans of one length, evenly spaced, `OVERLAP` or more shared by neighbours."""
    if length <= TILE:
        return [(0, length)]
    count = math.ceil((length - OVERLAP) / (TILE - OVERLAP))
    span = math.ceil((length + (count - 1) * OVERLAP) / count / MULTIPLE) * MULTIPLE
    starts = [round(i * (length - span) / (count - 1)) for i in range(count)]
    return [(start, start + span) for start in starts]

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

_BAND = 512  # rows that are float at a time


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
                yield from _tiles(_turned(level, math.radians(angle)))


def _scaling(factor: float) -> Tensor:
    """From the pixels of a level that is `factor` times smaller to photo pixels: corners, not centres, coincide."""
    shift = (factor - 1) / 2
    return torch.tensor([[factor, 0, shift], [0, factor, shift]])


def _halve(image: Tensor) -> Tensor:
    """Average blocks of 2 x 2 pixels, in bands, so that the image is never float as a whole."""
    return torch.cat([_byte(F.avg_pool2d(band.float(), 2)) for band in _bands(image)], dim=1)


def _bands(image: Tensor) -> list[Tensor]:
    _, height, width = image.shape
    even = image[:, : height - height % 2, : width - width % 2]
    return list(even.split(_BAND, dim=1))


def _byte(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255).to(torch.uint8)


def _doubled(level: Level) -> Level:
    doubled = F.interpolate(level.pixels[None].float(), scale_factor=2.0, mode="bilinear", align_corners=False)
    return Level(_byte(doubled[0]), _scaling(0.5))


def _turned(level: Level, angle: float) -> Level:
    """Turn a level by an angle in radians, clockwise as seen; the corners that appear are black."""
    _, height, width = level.pixels.shape
    cos, sin = math.cos(angle), math.sin(angle)
    new_width = math.ceil(width * abs(cos) + height * abs(sin))
    new_height = math.ceil(width * abs(sin) + height * abs(cos))
    middle, new_middle = ((width - 1) / 2, (height - 1) / 2), ((new_width - 1) / 2, (new_height - 1) / 2)
    to_level = torch.tensor(
        [
            [cos, sin, middle[0] - cos * new_middle[0] - sin * new_middle[1]],
            [-sin, cos, middle[1] + sin * new_middle[0] - cos * new_middle[1]],
        ]
    )
    image = level.pixels[None].float()
    x = torch.arange(new_width, dtype=torch.float32)
    rows = []
    for y in torch.arange(new_height, dtype=torch.float32).split(_BAND):
        points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(1, -1, 2)
        sources = geometry.apply(to_level[None], points).reshape(1, len(y), new_width, 2)
        grid = (2 * sources + 1) / torch.tensor([width, height]) - 1
        rows.append(_byte(F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]))
    return Level(torch.cat(rows, dim=1), geometry.compose(level.to_photo[None], to_level[None])[0])


def _tiles(level: Level) -> Iterator[Window]:
    _, height, width = level.pixels.shape
    (tops, tall), (lefts, wide) = _cut(height), _cut(width)
    for top in tops:
        for left in lefts:
            pixels = level.pixels[:, top : top + tall, left : left + wide]
            to_level = torch.tensor([[1.0, 0, left], [0, 1, top]])
            yield Window(
                pixels=pixels,
                to_photo=geometry.compose(level.to_photo[None], to_level[None])[0],
                bounds=(
                    -math.inf if left == 0 else 0.0,
                    -math.inf if top == 0 else 0.0,
                    math.inf if left + wide == width else wide - 1.0,
                    math.inf if top + tall == height else tall - 1.0,
                ),
            )


def _cut(length: int) -> tuple[list[int], int]:
    """Return where tiles start and how long they are: evenly spaced, `OVERLAP` or more shared by neighbours."""
    if length <= TILE:
        return [0], length
    count = math.ceil((length - OVERLAP) / (TILE - OVERLAP))
    tile = math.ceil((length + (count - 1) * OVERLAP) / count / MULTIPLE) * MULTIPLE
    return [round(i * (length - tile) / (count - 1)) for i in range(count)], tile

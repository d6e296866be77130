"""Find out how hard a photo was compressed, so that what is written stays in the same size class."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

# Source: ITU-T T.81, table K.1, in rows.
_LUMA = np.fromstring(
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99",
    dtype=np.int64,
    sep=" ",
)
_TILE = 256
_TILES = 9
_TINY, _TINY_QUALITY = 64 * 64, 85  # so small a file is all header
_FIRST_TRIES = (55, 85)
_RANGE = (20, 95)


def luma_table(quality: int) -> NDArray[np.int64]:
    """The luminance quantisation table that the IJG library uses at a quality of 1 to 100, 64 steps in rows.

    Source: libjpeg, jcparam.c, jpeg_quality_scaling and jpeg_add_quant_table.
    """
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    table: NDArray[np.int64] = np.clip((_LUMA * scale + 50) // 100, 1, 255).astype(np.int64)
    return table


_TABLES = np.stack([luma_table(quality) for quality in range(1, 101)])


def jpeg_quality(table: Sequence[int]) -> int:
    """The IJG quality, 1 to 100, whose luminance table is nearest (least absolute difference) to a file's own.

    Args:
        table: 64 quantisation steps in rows.
    """
    return 1 + int(np.abs(_TABLES - np.asarray(table)).sum(axis=1).argmin())


def matching_quality(
    pixels: NDArray[np.uint8], coded_size: int, compress: Callable[[NDArray[np.uint8], int], int]
) -> int:
    """The quality at which an encoder makes files about as large as the one that was read.

    A mosaic of tiles spread evenly over the photo stands for the whole; the logarithm of its size is about linear in
    the quality, so that three or four tries do.

    Args:
        pixels: uint8 (H, W, 3).
        coded_size: bytes of the coded picture, metadata aside.
        compress: size in bytes of the given pixels at the given quality.
    """
    if pixels.shape[0] * pixels.shape[1] < _TINY:
        return _TINY_QUALITY
    sample = mosaic(pixels)
    target = np.log(max(coded_size, 1) * sample.size / pixels.size)
    settings = list(_FIRST_TRIES)
    sizes = [np.log(compress(sample, quality)) for quality in settings]
    for _ in range(2):
        below, above = np.argsort(np.abs(np.array(sizes) - target), kind="stable")[:2]
        slope = (sizes[above] - sizes[below]) / (settings[above] - settings[below])
        guess = settings[below] + (target - sizes[below]) / max(slope, 1e-3)
        setting = round(float(np.clip(guess, *_RANGE)))
        if setting in settings:
            break
        settings.append(setting)
        sizes.append(np.log(compress(sample, setting)))
    return settings[int(np.abs(np.array(sizes) - target).argmin())]


def mosaic(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tiles of 256 pixels spread evenly over a photo, side by side; the photo itself where it is not larger.

    Args:
        pixels: uint8 (H, W, C).
    """
    height, width, _ = pixels.shape
    if height * width <= _TILE * _TILE * _TILES:
        return pixels
    columns = max(1, min(_TILES, round((_TILES * width / height) ** 0.5)))
    rows = -(-_TILES // columns)
    tile_height, tile_width = min(_TILE, height), min(_TILE, width)
    tops = np.linspace(0, height - tile_height, rows + 2).astype(int)[1:-1]
    lefts = np.linspace(0, width - tile_width, columns + 2).astype(int)[1:-1]
    return np.concatenate(
        [
            np.concatenate([pixels[top : top + tile_height, left : left + tile_width] for left in lefts], axis=1)
            for top in tops
        ]
    )

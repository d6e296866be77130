"""JPEG that gradients go through: rounding is done, and differentiated as if it were not."""

import math

import torch
import torch.nn.functional as F

from cloak.attack.budget import to_rgb, to_ycbcr

LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)
"""Quantisation tables. Source: ITU-T T.81, tables K.1 and K.2."""

GREY = 128 / 255
"""What is taken away before the transform. Source: ITU-T T.81, A.3.1."""


def jpeg(images: torch.Tensor, quality: float) -> torch.Tensor:
    """Compress and decompress, without subsampling of colour.

    Args:
        images: float (N, 3, H, W), RGB in [0, 1].
        quality: in [1, 100], as libjpeg scales its tables.

    Returns:
        float (N, 3, H, W) in [0, 1].

    Source: ITU-T T.81, annex A; gradients as in Shin and Song 2017, but straight through.
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate")
    count, _, tall, wide = padded.shape
    planes = to_ycbcr(padded - GREY) * 255
    blocks = planes.reshape(count, 3, tall // 8, 8, wide // 8, 8).transpose(3, 4)
    basis, tables = _cosines().to(images), _tables(quality).to(images)[:, None, None]
    shares = basis @ blocks @ basis.T / tables
    rounded = shares + (shares.round() - shares).detach()
    planes = (basis.T @ (rounded * tables) @ basis).transpose(3, 4).reshape(count, 3, tall, wide)
    return (to_rgb(planes / 255) + GREY)[:, :, :height, :width].clamp(0, 1)


def _tables(quality: float) -> torch.Tensor:
    """Return three tables (3, 8, 8). Source: libjpeg's `jpeg_quality_scaling`."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    tables = torch.tensor([LUMA, CHROMA, CHROMA], dtype=torch.float32)
    return ((tables * scale + 50) / 100).floor().clamp(1, 255)


def _cosines() -> torch.Tensor:
    """Return the orthonormal cosine transform of 8 numbers, (8, 8)."""
    steps = torch.arange(8, dtype=torch.float32)
    basis = torch.cos(math.pi * steps[:, None] * (2 * steps + 1) / 16) / 2
    basis[0] /= math.sqrt(2)
    return basis

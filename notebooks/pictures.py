"""Show faces pixel for pixel, and a page of the engine, in a notebook."""

import html
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL.Image import Image
from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from cloak.evaluation.looks import square
from cloak.photo import Face

EXAGGERATED = 8
"""By which a difference is multiplied."""


def close_up(pixels: torch.Tensor, face: Face, side: int = 160) -> torch.Tensor:
    """Cut a square around a face, pixel for pixel.

    Args:
        pixels: uint8 (3, H, W).
        face: in it.
        side: of the square.

    Returns:
        float32 (3, side, side) in [0, 1], black outside the photo.
    """
    corner = (face.landmarks.mean(0) - side / 2).round().int().tolist()
    return square(pixels, corner, side)[0]


def difference(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Return a change on grey, exaggerated, of pictures (3, H, W) in [0, 1]."""
    return (0.5 + EXAGGERATED * (after - before)).clamp(0, 1)


def table(pictures: Sequence[torch.Tensor], columns: int) -> Image:
    """Lay out pictures (3, side, side) in [0, 1], row by row."""
    return to_pil_image(make_grid(list(pictures), nrow=columns, padding=4, pad_value=1.0))


class Page:
    """An HTML file that a notebook shows in a frame.

    Args:
        path: the file.
        height: of the frame, pixels.
    """

    def __init__(self, path: Path, height: int = 640) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.height = height

    def _repr_html_(self) -> str:
        return (
            f"<iframe srcdoc='{html.escape(self.text)}' width='100%' height='{self.height}' sandbox "
            "style='border: 1px solid silver'></iframe>"
        )

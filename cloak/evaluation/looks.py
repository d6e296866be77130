"""Protocol G: what a cloak looks like in the face box, at the photo's own resolution."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from cloak.attack import Visibility, measure
from cloak.models.networks.lpips_alex import Lpips
from cloak.photo import Face, Photo

SIDES = (64, 512)
"""LPIPS is taken of boxes whose longer side is brought into this range: it was made for small pictures."""


def looks(before: Photo, after: Photo, face: Face, lpips: Lpips) -> dict[str, float]:
    """Measure a change.

    Returns:
        dssim: (1 - SSIM) / 2, mean over RGB, in the box.
        colour, luma: RMS of the low-passed change of Cb and Cr, and of Y, grey levels, in the box.
        lpips: AlexNet, of the box.
        eps: the largest change of a channel, grey levels.
        psnr_face, psnr_photo: dB; infinite without change.
        outside: the mean change of pixels outside the box enlarged by a quarter, grey levels.
    """
    change = before.pixels.float() - after.pixels.float()
    in_box = _box(change, face, 0.0)
    budget = seen(before, after, face)
    return {
        **{name: float(getattr(budget, name)) for name in ("dssim", "colour", "luma")},
        "lpips": _lpips(before, after, face, lpips),
        "eps": float(budget.eps) * 255,
        "psnr_face": _psnr(in_box),
        "psnr_photo": _psnr(change),
        "outside": _outside(change, face),
    }


def seen(before: Photo, after: Photo, face: Face) -> Visibility:
    """Measure a change by the numbers of the budget, in the box of one face."""
    left, top, right, bottom = face.box
    # What SSIM's window and the low pass see around the box.
    margin = 8 + round(face.size / 10)
    corner, side = (math.floor(left) - margin, math.floor(top) - margin), math.ceil(face.size) + 2 * margin
    # What lies beyond the photo's edge is not looked at.
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, before.width - 1), min(bottom, before.height - 1)
    box = torch.tensor([[left - corner[0], top - corner[1], right - corner[0], bottom - corner[1]]])
    return measure(square(before.pixels, corner, side), square(after.pixels, corner, side), box)


def square(pixels: torch.Tensor, corner: Sequence[int], side: int) -> torch.Tensor:
    """Cut a square out of uint8 (3, H, W) as float32 (1, 3, side, side) in [0, 1], black outside the photo."""
    left, top = corner
    _, height, width = pixels.shape
    inside = pixels[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)].float() / 255
    edges = (max(0, -left), max(0, left + side - width), max(0, -top), max(0, top + side - height))
    return F.pad(inside, edges)[None]


def _box(values: torch.Tensor, face: Face, margin: float) -> torch.Tensor:
    """Return a view of the pixels of (C, H, W) in a face's box, enlarged on each side by a share of it."""
    left, top, right, bottom = face.box
    x, y = (right - left) * margin, (bottom - top) * margin
    rows = slice(max(0, math.floor(top - y)), max(0, math.ceil(bottom + y)))
    return values[:, rows, max(0, math.floor(left - x)) : max(0, math.ceil(right + x))]


def _lpips(before: Photo, after: Photo, face: Face, lpips: Lpips) -> float:
    boxes = [_box(photo.pixels, face, 0.0)[None].float() / 255 for photo in (before, after)]
    longer = max(boxes[0].shape[2:])
    wanted = min(max(longer, SIDES[0]), SIDES[1])
    if wanted != longer:
        size = [max(SIDES[0] // 2, round(side * wanted / longer)) for side in boxes[0].shape[2:]]
        boxes = [F.interpolate(box, size, mode="bilinear", antialias=True) for box in boxes]
    with torch.inference_mode():
        return float(lpips(*boxes))


def _psnr(change: torch.Tensor) -> float:
    error = float(change.square().mean())
    return 10 * math.log10(255**2 / error) if error else float("inf")


def _outside(change: torch.Tensor, face: Face) -> float:
    size = change.abs().amax(0, keepdim=True).clone()
    _box(size, face, 0.125)[:] = 0
    return float(size.mean())

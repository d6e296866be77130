"""Faces of photos as recognisers see them: aligned, and embedded in batches."""

from collections.abc import Sequence

import torch

from cloak.faces.geometry import apply, invert, similarity, warp
from cloak.models import Recogniser
from cloak.photo import Face

_TOGETHER = 32


def embed(pixels: torch.Tensor, faces: Sequence[Face], recogniser: Recogniser) -> torch.Tensor:
    """Align faces of a photo to a recogniser's template and embed them.

    Args:
        pixels: uint8 (3, H, W).
        faces: N faces with landmarks in those pixels.
        recogniser: on any device.

    Returns:
        float32 (N, dim), L2-normalised, on the CPU.
    """
    return embed_crops(align(pixels, faces, recogniser), recogniser)


def align(pixels: torch.Tensor, faces: Sequence[Face], recogniser: Recogniser) -> torch.Tensor:
    """Align faces of a photo to a recogniser's template.

    Args:
        pixels: uint8 (3, H, W).
        faces: N faces with landmarks in those pixels.
        recogniser: on any device.

    Returns:
        float32 (N, 3, s, s) in [0, 1] with s its input size, on the CPU.
    """
    size = recogniser.input_size
    crops = [_align(pixels, face.landmarks.float(), recogniser) for face in faces]
    return torch.cat(crops) if crops else torch.zeros(0, 3, size, size)


def embed_crops(crops: torch.Tensor, recogniser: Recogniser) -> torch.Tensor:
    """Embed aligned faces (N, 3, s, s), of any number of photos, in batches: float32 (N, dim) on the CPU."""
    parts = (crops[start : start + _TOGETHER] for start in range(0, len(crops), _TOGETHER))
    embedded = [recogniser(part.to(recogniser.template.device)).float().cpu() for part in parts]
    return torch.cat(embedded) if embedded else torch.zeros(0, recogniser.dim)


def _align(pixels: torch.Tensor, landmarks: torch.Tensor, recogniser: Recogniser) -> torch.Tensor:
    """Return float32 (1, 3, s, s); only the part of the photo that it shows is converted to float."""
    size, template = recogniser.input_size, recogniser.template.cpu()
    to_input = similarity(landmarks[None], template)
    corners = torch.tensor([[[0, 0], [size, 0], [0, size], [size, size]]], dtype=torch.float32)
    shown = apply(invert(to_input), corners)[0]
    _, height, width = pixels.shape
    left, top = (min(max(int(low) - 2, 0), most - 1) for low, most in zip(shown.amin(0), (width, height), strict=True))
    right, bottom = (max(int(high) + 3, low + 1) for high, low in zip(shown.amax(0), (left, top), strict=True))
    window = pixels[None, :, top:bottom, left:right].float() / 255
    return warp(window, similarity(landmarks[None] - torch.tensor([left, top]), template), size, antialias=True)

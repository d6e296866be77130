"""Photos and faces that are quickly made."""

import torch
import torch.nn.functional as F

from cloak.container import Container, Encoding
from cloak.photo import Face, Photo


def smooth_noise(count, size, seed=0):
    coarse = torch.rand(count, 3, size // 8, size // 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)


def a_face(left, top, width, height):
    points = torch.tensor([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])
    landmarks = points * torch.tensor([float(width), float(height)]) + torch.tensor([float(left), float(top)])
    return Face(box=(left, top, left + width, top + height), landmarks=landmarks, score=0.9)


def a_photo(row, *, contrast=1.0):
    """Return one of two photos of 160 pixels a side."""
    pixels = (smooth_noise(2, 160, seed=3)[row] - 0.5) * contrast + 0.5
    return Photo(pixels=(pixels * 255).round().to(torch.uint8), encoding=Encoding(container=Container.PNG))

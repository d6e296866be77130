"""Random views: what an engine might see of a face, differentiably.

An engine finds slightly other landmarks, crops by another template, and works on a copy that was resized, blurred or
compressed on the way. A delta that works in the mean over such views carries over to engines that were never seen.
Source: Athalye et al. 2018 (expectation over transformation); Xie et al. 2019 (input diversity).

All faces of a batch get the same draws, so that a face is cloaked the same alone and in company.
"""

from typing import Protocol

import torch
import torch.nn.functional as F

from cloak.attack.budget import blur, gaussian
from cloak.config import Views
from cloak.faces.geometry import similarity, warp


class Surrogate(Protocol):
    """A recogniser whose gradients are used. `cloak.models.Recogniser` is one; so is anything that looks like it.

    Attributes:
        input_size: side of its input in pixels.
        template: float32 (5, 2), where it wants the landmarks, in pixels of its input.
    """

    input_size: int
    template: torch.Tensor

    def __call__(self, faces: torch.Tensor, /) -> torch.Tensor:
        """Embed float (N, 3, s, s), RGB in [0, 1], as L2-normalised float (N, D)."""
        ...


def align(images: torch.Tensor, landmarks: torch.Tensor, surrogate: Surrogate) -> torch.Tensor:
    """Show faces to a surrogate the way it wants them, without chance: float (N, 3, s, s)."""
    return warp(images, similarity(landmarks, surrogate.template), surrogate.input_size, antialias=True)


def look(
    images: torch.Tensor, landmarks: torch.Tensor, surrogate: Surrogate, views: Views, generator: torch.Generator
) -> torch.Tensor:
    """Show faces to a surrogate through one random view.

    Args:
        images: float (N, 3, S, S) in [0, 1].
        landmarks: float (N, 5, 2), image pixels.
        surrogate: whose template and input size to use.
        views: how random.
        generator: a CPU generator; the number of draws does not depend on N.

    Returns:
        float (N, 3, s, s).
    """
    draw = torch.randn(14, generator=generator)
    pick = torch.rand(4, generator=generator)
    size = surrogate.input_size
    eyes = (landmarks[:, 1] - landmarks[:, 0]).norm(dim=1)[:, None, None]
    moved = landmarks + views.landmarks * eyes * draw[:10].reshape(1, 5, 2).to(landmarks)
    to_crop = similarity(moved, surrogate.template)
    to_crop = _jitter(to_crop, views, draw[10:].to(to_crop), size)
    seen = warp(images, to_crop, size, antialias=bool(pick[0] < 0.5))
    if pick[1] < views.flip:
        seen = seen.flip(-1)
    return (
        _degrade(seen, float(pick[2] / views.degrade), float(pick[3]), generator) if pick[2] < views.degrade else seen
    )


@torch.no_grad()
def references(
    images: torch.Tensor,
    landmarks: torch.Tensor,
    surrogate: Surrogate,
    views: Views,
    generator: torch.Generator,
    *,
    looks: int,
) -> torch.Tensor:
    """Return what a surrogate makes of clean faces: the mean over the ideal look and random ones.

    Other photos of a person are not like this one. What random views have in common is nearer to the person.

    Args:
        images: float (N, 3, S, S) in [0, 1].
        landmarks: float (N, 5, 2), image pixels.
        surrogate: who looks.
        views: how random.
        generator: see `look`.
        looks: random looks beside the ideal one.

    Returns:
        float (N, D), L2-normalised.
    """
    total = surrogate(align(images, landmarks, surrogate))
    for _ in range(looks):
        total = total + surrogate(look(images, landmarks, surrogate, views, generator))
    return F.normalize(total)


def _jitter(to_crop: torch.Tensor, views: Views, draw: torch.Tensor, size: int) -> torch.Tensor:
    """Turn, scale and shift crops about their centre."""
    angle, scale = views.rotation * draw[0], torch.exp(views.scale * draw[1])
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    turn = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
    centre = (size - 1) / 2
    linear = turn @ to_crop[:, :, :2]
    offset = (to_crop[:, :, 2] - centre) @ turn.T + centre + views.shift * size * draw[2:4]
    return torch.cat([linear, offset[:, :, None]], 2)


def _degrade(images: torch.Tensor, kind: float, amount: float, generator: torch.Generator) -> torch.Tensor:
    """Blur, resize or add noise, a third each; `kind` and `amount` are in [0, 1)."""
    if kind < 1 / 3:
        sigma = torch.tensor([0.3 + 0.9 * amount], device=images.device)
        return blur(images, gaussian(sigma, radius=3))
    if kind < 2 / 3:
        small = int(images.shape[-1] * (0.5 + 0.4 * amount))
        shrunk = F.interpolate(images, (small, small), mode="bilinear", antialias=True)
        return F.interpolate(shrunk, images.shape[-2:], mode="bilinear")
    noise = torch.randn(images.shape[1:], generator=generator).to(images)
    return images + (0.005 + 0.02 * amount) * noise

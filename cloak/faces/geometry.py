"""Similarities between pixel frames, and differentiable warps through them.

Convention:
    Points are ``(x, y)`` and pixel centres are integers (see `cloak.photo`). All is batched and differentiable.
"""

import torch
import torch.nn.functional as F

from cloak.errors import ShapeError


def similarity(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Find the rotation, uniform scale and shift that take source points to target points, by least squares.

    Args:
        source: float (N, K, 2), not all K points in one place.
        target: float (K, 2) or (N, K, 2).

    Returns:
        float (N, 2, 3), without reflection.

    Raises:
        ShapeError: the points do not pair up.

    Source: Umeyama 1991, in the plane, where it is one complex division.
    """
    if source.ndim != 3 or source.shape[2] != 2 or target.shape[-2:] != source.shape[-2:]:
        raise ShapeError(
            f"source must be (N, K, 2) and target match it, got {tuple(source.shape)}, {tuple(target.shape)}"
        )
    target = target.to(source).expand_as(source)
    source_mean, target_mean = source.mean(1), target.mean(1)
    s, t = source - source_mean[:, None], target - target_mean[:, None]
    spread = s.square().sum((1, 2)).clamp_min(1e-12)
    cos = (s * t).sum((1, 2)) / spread
    sin = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(1) / spread
    linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    shift = target_mean - torch.einsum("nij,nj->ni", linear, source_mean)
    return torch.cat([linear, shift[:, :, None]], 2)


def invert(matrices: torch.Tensor) -> torch.Tensor:
    """Return the inverses of similarities (or other affine maps), (N, 2, 3) to (N, 2, 3)."""
    linear = torch.linalg.inv(matrices[:, :, :2])
    return torch.cat([linear, -linear @ matrices[:, :, 2:]], 2)


def compose(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Return the maps that apply `inner` first, then `outer`; all (N, 2, 3)."""
    linear = outer[:, :, :2] @ inner[:, :, :2]
    return torch.cat([linear, outer[:, :, :2] @ inner[:, :, 2:] + outer[:, :, 2:]], 2)


def apply(matrices: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Map points (N, K, 2) through matrices (N, 2, 3)."""
    return points @ matrices[:, :, :2].transpose(1, 2) + matrices[:, None, :, 2]


def scale_of(matrices: torch.Tensor) -> torch.Tensor:
    """Return the scale factors (N,) of similarities (N, 2, 3)."""
    linear = matrices[:, :, :2]
    return (linear[:, 0, 0] * linear[:, 1, 1] - linear[:, 0, 1] * linear[:, 1, 0]).abs().sqrt()


def warp(images: torch.Tensor, to_output: torch.Tensor, size: int, *, antialias: bool = False) -> torch.Tensor:
    """Resample images through similarities, bilinearly; what lies outside an image is black.

    Args:
        images: float (N, C, H, W).
        to_output: float (N, 2, 3), from image pixels to output pixels.
        size: height and width of the output.
        antialias: average before shrinking, so that no pixel is skipped. Face engines differ in this.

    Returns:
        float (N, C, size, size).

    Raises:
        ShapeError: there is not one matrix for each image.
    """
    if images.ndim != 4 or to_output.shape != (len(images), 2, 3):
        raise ShapeError(f"one (2, 3) matrix an image, got {tuple(images.shape)} and {tuple(to_output.shape)}")
    if antialias:
        return _warp_shrunk(images, to_output, size)
    height, width = images.shape[-2:]
    steps = torch.arange(size, device=images.device, dtype=images.dtype)
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    outputs = torch.stack([x, y], -1).reshape(1, -1, 2).expand(len(images), -1, -1)
    sources = apply(invert(to_output.to(images)), outputs)
    extent = torch.tensor([width, height], device=images.device, dtype=images.dtype)
    grid = ((2 * sources + 1) / extent - 1).reshape(len(images), size, size, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _warp_shrunk(images: torch.Tensor, to_output: torch.Tensor, size: int) -> torch.Tensor:
    """Warp each image after averaging the whole blocks of pixels that the warp would step over."""
    factors = (1 / scale_of(to_output).clamp_min(1e-3)).long().clamp(1, min(images.shape[-2:])).tolist()
    if set(factors) == {1}:
        return warp(images, to_output, size)
    # One image at a time: the factor is its own, so that a face looks the same alone and in company.
    return torch.cat(
        [_warp_one(images[i : i + 1], to_output[i : i + 1], size, factor) for i, factor in enumerate(factors)]
    )


def _warp_one(image: torch.Tensor, to_output: torch.Tensor, size: int, factor: int) -> torch.Tensor:
    """Warp (1, C, H, W) after averaging blocks of `factor` pixels."""
    pooled = F.avg_pool2d(image, factor, ceil_mode=True, count_include_pad=False)
    # The centre of pooled pixel 0 is the centre of the block, (factor - 1) / 2.
    linear, shift = to_output[:, :, :2], to_output[:, :, 2:]
    shift = shift + linear.sum(2, keepdim=True) * (factor - 1) / 2
    return warp(pooled, torch.cat([linear * factor, shift], 2), size)

"""The visibility budget: what a change looks like, in numbers, and how to keep inside them.

Three numbers, because no single one is what people see. SSIM is blind to smooth shifts, so a face may turn green
at a good DSSIM; the low-passed colour and luma catch tints and blotches; DSSIM catches grain.

Convention:
    Images are float (N, 3, S, S), RGB in [0, 1]. Weights are (N, 1, S, S) and say where to measure: they sum to 1.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from cloak.errors import ShapeError

C1, C2 = 0.01**2, 0.03**2
"""SSIM's constants for a range of 1. Source: Wang et al. 2004, section III-B."""

SSIM_SIGMA, SSIM_RADIUS = 1.5, 5
LOW_PASS = 0.02
"""Sigma of the low pass, in units of the box's longer side."""

DENSE = 384
"""To so many pixels a side, a blur is two matrix products, for a tenth to a half of a depthwise convolution's time."""

YCBCR = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""RGB to Y, Cb, Cr of a difference. Source: ITU-R BT.601, full range."""

RGB = torch.tensor([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]])
"""Y, Cb, Cr to RGB: the inverse, and exact for greys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """How visible a change is, for each face; all float32 (N,).

    Attributes:
        dssim: (1 - SSIM) / 2, mean over RGB.
        colour: RMS of the low-passed Cb and Cr differences, grey levels.
        luma: RMS of the low-passed Y difference, grey levels.
        eps: the largest change of any channel, in [0, 1] units.
    """

    dssim: torch.Tensor
    colour: torch.Tensor
    luma: torch.Tensor
    eps: torch.Tensor


def measure(clean: torch.Tensor, changed: torch.Tensor, boxes: torch.Tensor) -> Visibility:
    """Measure changes inside face boxes.

    Args:
        clean: float (N, 3, S, S) in [0, 1].
        changed: the same shape.
        boxes: float (N, 4), left, top, right, bottom in pixels.

    Raises:
        ShapeError: the shapes do not belong together.

    Source: SSIM as Wang et al. 2004, Gaussian window of sigma 1.5.
    """
    if clean.shape != changed.shape or boxes.shape != (len(clean), 4):
        raise ShapeError(f"shapes must agree, got {clean.shape}, {changed.shape} and boxes {boxes.shape}")
    weights = inside(boxes, clean.shape[-1])
    colour, luma = tint(changed - clean, weights, LowPass(boxes))
    return Visibility(
        dssim=dssim(clean, changed, weights),
        colour=colour,
        luma=luma,
        eps=(changed - clean).abs().flatten(1).amax(1),
    )


def inside(boxes: torch.Tensor, size: int) -> torch.Tensor:
    """Return weights (N, 1, S, S) that average over the pixels whose centres are in the boxes (N, 4)."""
    axis = torch.arange(size, device=boxes.device)
    columns = (axis >= boxes[:, 0, None]) & (axis <= boxes[:, 2, None])
    rows = (axis >= boxes[:, 1, None]) & (axis <= boxes[:, 3, None])
    return normalised((rows[:, None, :, None] & columns[:, None, None, :]).float())


def normalised(weights: torch.Tensor) -> torch.Tensor:
    """Scale weights (N, 1, S, S) to sum to 1 for each image."""
    return weights / weights.sum((1, 2, 3), keepdim=True).clamp_min(1e-9)


def extent(weights: torch.Tensor, *, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns in which any of the weights (N, 1, H, W) is not zero, and a margin around them."""
    found = []
    for axis, size in ((3, weights.shape[2]), (2, weights.shape[3])):
        places = weights.ne(0).any(axis).flatten(0, 1).any(0).nonzero().flatten().tolist() or [0]
        found.append(slice(max(0, places[0] - margin), min(size, places[-1] + 1 + margin)))
    rows, columns = found
    return rows, columns


class Dssim:
    """(1 - SSIM) / 2 against the same clean images, whose moments are taken once.

    Args:
        clean: float (N, 3, S, S) in [0, 1].
        weights: float (N, 1, S, S), where to average.

    Source: Wang et al. 2004, equation 13.
    """

    def __init__(self, clean: torch.Tensor, weights: torch.Tensor) -> None:
        # What lies beyond the reach of a window in which something counts is left out.
        self.rows, self.columns = extent(weights, margin=SSIM_RADIUS)
        self.clean, self.weights = self._cut(clean), self._cut(weights)
        self.kernel = gaussian(torch.tensor([SSIM_SIGMA], device=clean.device), radius=SSIM_RADIUS)
        self.mean, square = blur(torch.cat([self.clean, self.clean**2], 1), self.kernel).chunk(2, 1)
        self.variance = square - self.mean**2

    def __call__(self, changed: torch.Tensor) -> torch.Tensor:
        """Compare float (N, 3, S, S) with the clean images: float (N,), mean over RGB and the weights."""
        changed = self._cut(changed)
        moments = blur(torch.cat([changed, changed**2, self.clean * changed], 1), self.kernel)
        mean, square, product = moments.chunk(3, 1)
        variance, covariance = square - mean**2, product - self.mean * mean
        ssim = ((2 * self.mean * mean + C1) * (2 * covariance + C2)) / (
            (self.mean**2 + mean**2 + C1) * (self.variance + variance + C2)
        )
        return ((1 - ssim.mean(1, keepdim=True)) / 2 * self.weights).sum((1, 2, 3))

    def _cut(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :, self.rows, self.columns]


def dssim(clean: torch.Tensor, changed: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return (1 - SSIM) / 2, mean over RGB and over the weights (N, 1, S, S): float (N,)."""
    return Dssim(clean, weights)(changed)


def local_deviation(images: torch.Tensor) -> torch.Tensor:
    """Return sqrt(2 var + C2), float (N, 3, S, S): the size of change that costs the same DSSIM everywhere.

    For a change d, 1 - SSIM is var(d) / (2 var(x) + C2) to second order, where means hardly move.
    """
    kernel = gaussian(torch.tensor([SSIM_SIGMA], device=images.device), radius=SSIM_RADIUS)
    mean, square = blur(torch.cat([images, images**2], 1), kernel).chunk(2, 1)
    return (2 * (square - mean**2).clamp_min(0) + C2).sqrt()


def tint(delta: torch.Tensor, weights: torch.Tensor, low_pass: "LowPass") -> tuple[torch.Tensor, torch.Tensor]:
    """Return the RMS of low-passed chroma and luma in grey levels, float (N,) each."""
    luma, colour = power(low_pass(to_ycbcr(delta)), weights)
    return colour.sqrt(), luma.sqrt()


def power(low: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean squares of low-passed luma and chroma (N, 3, S, S), in grey levels, float (N,) each."""
    squares = ((low * 255).square() * weights).sum((2, 3))
    return squares[:, 0], squares[:, 1:].mean(1)


def to_ycbcr(images: torch.Tensor) -> torch.Tensor:
    """Turn RGB differences (N, 3, H, W) into Y, Cb, Cr differences."""
    return torch.einsum("dc,nchw->ndhw", YCBCR.to(images), images)


def to_rgb(images: torch.Tensor) -> torch.Tensor:
    """Turn Y, Cb, Cr differences (N, 3, H, W) back into RGB differences."""
    return torch.einsum("dc,nchw->ndhw", RGB.to(images), images)


class LowPass:
    """A Gaussian blur whose sigma is a fiftieth of each face's box.

    Args:
        boxes: float (N, 4).
    """

    def __init__(self, boxes: torch.Tensor) -> None:
        sides = torch.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        sigmas = (LOW_PASS * sides).clamp_min(0.3)
        # The radius is a matter of the kernel's tail alone; the same for all, so that a batch is one convolution.
        self.kernels = gaussian(sigmas, radius=max(1, int(4 * float(sigmas.max()) + 0.5)))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Blur images (N, C, H, W), each with its own sigma."""
        return blur(images, self.kernels)


def gaussian(sigmas: torch.Tensor, *, radius: int) -> torch.Tensor:
    """Return normalised kernels (N, 2 radius + 1)."""
    offsets = torch.arange(-radius, radius + 1, device=sigmas.device, dtype=torch.float32)
    kernels = torch.exp(-(offsets**2) / (2 * sigmas.float()[:, None] ** 2))
    return kernels / kernels.sum(1, keepdim=True)


def blur(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Convolve images (N, C, H, W) with kernels (N or 1, K) along both axes, borders replicated."""
    count, channels, height, width = images.shape
    if max(height, width) <= DENSE:
        return bands(kernels.to(images), height) @ images @ bands(kernels.to(images), width).mT
    radius = kernels.shape[1] // 2
    weights = kernels.to(images).expand(count, -1).repeat_interleave(channels, 0)[:, None, None, :]
    flat = F.pad(images.reshape(1, count * channels, height, width), [radius] * 4, mode="replicate")
    flat = F.conv2d(flat, weights, groups=count * channels)
    flat = F.conv2d(flat, weights.transpose(2, 3), groups=count * channels)
    return flat.reshape(count, channels, height, width)


def bands(kernels: torch.Tensor, size: int) -> torch.Tensor:
    """Return the matrices (N, 1, size, size) that convolve columns of so many pixels with kernels (N, K)."""
    radius = kernels.shape[1] // 2
    offsets = torch.arange(-radius, radius + 1, device=kernels.device)
    places = (torch.arange(size, device=kernels.device)[:, None] + offsets).clamp(0, size - 1)
    places = places.expand(len(kernels), -1, -1)
    matrices = kernels.new_zeros(len(kernels), size, size)
    return matrices.scatter_add_(2, places, kernels[:, None].expand_as(places))[:, None]

"""Keeping deltas inside the visibility budget: a cheap projection for every step, an exact one at the end."""

from collections.abc import Callable

import torch

from cloak.attack.budget import SSIM_SIGMA, blur, dssim, gaussian, tint, to_rgb, to_ycbcr
from cloak.attack.scene import Scene
from cloak.config import Budget

BISECTIONS = 8


def project(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Move deltas to (nearly) the nearest ones inside the budget.

    The low-passed part is damped until tint and blotches are allowed. What SSIM sees, the rest, is scaled by the
    DSSIM's second order: 1 - SSIM is var(d) / (2 var(x) + C2) where the means hardly move.

    Args:
        deltas: float (N, 3, S, S), zero where the masks are.
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S): |delta| <= eps and crops + deltas in [0, 1] exactly, the other limits nearly.
    """
    deltas = _damp(deltas, scene, budget)
    deltas = _clamp(deltas, scene, budget)
    smooth = _smooth(deltas, scene)
    grain = (deltas - smooth) / scene.deviation
    cost = (grain.square().mean(1, keepdim=True) * scene.weights).sum((1, 2, 3)) / 2
    deltas = smooth + (deltas - smooth) * _shrink(cost, budget.dssim).sqrt()
    return _clamp(deltas, scene, budget)


def fit(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Scale deltas down until the exact measures are inside the budget: first what SSIM sees, then, if need be, all.

    Args:
        deltas: float (N, 3, S, S).
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S), |delta| <= eps and crops + deltas in [0, 1].
    """
    deltas = _clamp(deltas, scene, budget)
    smooth = _smooth(deltas, scene)
    grain = deltas - smooth

    def grainy(factors: torch.Tensor) -> torch.Tensor:
        return dssim(scene.crops, scene.apply(smooth + grain * factors), scene.weights) > budget.dssim

    deltas = _clamp(smooth + grain * _largest(grainy, deltas), scene, budget)
    return deltas * _largest(lambda factors: _exceeds(deltas * factors, scene, budget), deltas)


def _largest(over: Callable[[torch.Tensor], torch.Tensor], deltas: torch.Tensor) -> torch.Tensor:
    """Find the largest factors (N, 1, 1, 1) in [0, 1] that are not over, by bisection."""
    low = deltas.new_zeros(len(deltas), 1, 1, 1)
    high, factors = torch.ones_like(low), torch.ones_like(low)
    for _ in range(BISECTIONS):
        too_much = over(factors)[:, None, None, None]
        low, high = torch.where(too_much, low, factors), torch.where(too_much, factors, high)
        factors = torch.where(low == 1, low, (low + high) / 2)
    return low


def _clamp(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Keep |delta| <= eps and crops + deltas in [0, 1]."""
    return scene.apply(deltas.clamp(-budget.eps, budget.eps)) - scene.crops


def _smooth(deltas: torch.Tensor, scene: Scene) -> torch.Tensor:
    """Return the part of deltas that moves SSIM's local means."""
    kernel = gaussian(torch.tensor([SSIM_SIGMA], device=deltas.device), radius=5)
    return blur(deltas, kernel) * scene.masks.gt(0)


def _exceeds(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Return bool (N,): is any number of the budget exceeded inside the box?"""
    changed = scene.apply(deltas)
    colour, luma = tint(changed - scene.crops, scene.weights, scene.low_pass)
    grain = dssim(scene.crops, changed, scene.weights)
    return (grain > budget.dssim) | (colour > budget.colour) | (luma > budget.luma)


def smooth_step(gradients: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Return the low-passed gradients, luma and colour each at the size of their whole budget.

    Args:
        gradients: float (N, 3, S, S).
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S), a change of RGB.
    """
    low = scene.low_pass(scene.low_pass(to_ycbcr(gradients * scene.masks)))
    luma, colour = _tint(low, scene)
    luma_scale, colour_scale = budget.luma / luma.clamp_min(1e-12), budget.colour / colour.clamp_min(1e-12)
    scale = torch.stack([luma_scale, colour_scale, colour_scale], 1)[:, :, None, None]
    return to_rgb(low * scale) * scene.masks


def _tint(low: torch.Tensor, scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """Return luma and colour (N,) of low-passed Y, Cb, Cr, in grey levels."""
    power = ((low * 255).square() * scene.weights).sum((2, 3))
    return power[:, 0].sqrt(), power[:, 1:].mean(1).sqrt()


def _damp(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Take away as much of the low-passed part as is over the limits for colour and luma."""
    low = scene.low_pass(to_ycbcr(deltas))
    luma, colour = _tint(low, scene)
    keep_luma, keep_colour = _shrink(luma, budget.luma), _shrink(colour, budget.colour)
    keep = torch.cat([keep_luma, keep_colour, keep_colour], 1)
    return deltas - to_rgb(low * (1 - keep)) * scene.masks


def _shrink(values: torch.Tensor, limit: float) -> torch.Tensor:
    """Return the factors (N, 1, 1, 1), at most 1, that bring values (N,) down to a limit."""
    return (limit / values.clamp_min(1e-9)).clamp(max=1)[:, None, None, None]

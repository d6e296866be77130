"""Keeping deltas inside the visibility budget: a cheap projection for every step, an exact one at the end."""

import torch

from cloak.attack.budget import SSIM_SIGMA, blur, dssim, gaussian, tint, to_rgb, to_ycbcr
from cloak.attack.scene import Scene
from cloak.config import Budget

BISECTIONS = 8


def project(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Move deltas to (nearly) the nearest ones inside the budget.

    The low-passed part is damped until tint and blotches are allowed, the rest is scaled by the DSSIM's second order:
    1 - SSIM is var(d) / (2 var(x) + C2) where the means hardly move.

    Args:
        deltas: float (N, 3, S, S), zero where the masks are.
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S): |delta| <= eps and crops + deltas in [0, 1] exactly, the other limits nearly.
    """
    deltas = _damp(deltas, scene, budget)
    deltas = deltas.clamp(-budget.eps, budget.eps)
    deltas = scene.apply(deltas) - scene.crops
    kernel = gaussian(torch.tensor([SSIM_SIGMA], device=deltas.device), radius=5)
    local = (deltas - blur(deltas, kernel)) / scene.deviation
    cost = (local.square().mean(1, keepdim=True) * scene.weights).sum((1, 2, 3)) / 2
    return deltas * _shrink(cost, budget.dssim).sqrt()


def fit(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Scale deltas down until the exact measures are inside the budget.

    Args:
        deltas: float (N, 3, S, S).
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S), each delta scaled by a factor in [0, 1], by bisection.
    """
    low = torch.zeros(len(deltas), device=deltas.device)
    high = torch.ones_like(low)
    factors = torch.ones_like(low)
    for _ in range(BISECTIONS):
        over = _exceeds(deltas * factors[:, None, None, None], scene, budget)
        low, high = torch.where(over, low, factors), torch.where(over, factors, high)
        factors = torch.where(low == 1, low, (low + high) / 2)
    return deltas * low[:, None, None, None]


def _exceeds(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Return bool (N,): is any number of the budget exceeded inside the box?"""
    changed = scene.apply(deltas)
    colour, luma = tint(changed - scene.crops, scene.weights, scene.low_pass)
    grain = dssim(scene.crops, changed, scene.weights)
    return (grain > budget.dssim) | (colour > budget.colour) | (luma > budget.luma)


def _damp(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Take away as much of the low-passed part as is over the limits for colour and luma."""
    low = scene.low_pass(to_ycbcr(deltas))
    power = ((low * 255).square() * scene.weights).sum((2, 3))
    luma, colour = power[:, 0].sqrt(), power[:, 1:].mean(1).sqrt()
    keep_luma, keep_colour = _shrink(luma, budget.luma), _shrink(colour, budget.colour)
    keep = torch.cat([keep_luma, keep_colour, keep_colour], 1)
    return deltas - to_rgb(low * (1 - keep)) * scene.masks


def _shrink(values: torch.Tensor, limit: float) -> torch.Tensor:
    """Return the factors (N, 1, 1, 1), at most 1, that bring values (N,) down to a limit."""
    return (limit / values.clamp_min(1e-9)).clamp(max=1)[:, None, None, None]

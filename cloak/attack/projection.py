"""Keeping deltas inside the visibility budget: a cheap penalty on the way, an exact fit at the end."""

from collections.abc import Callable

import torch

from cloak.attack.budget import SSIM_SIGMA, blur, gaussian, tint, tint_power
from cloak.attack.scene import Scene
from cloak.config import Budget

BISECTIONS = 8


def penalty(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Return by how much deltas are over the budget, as a loss: the sum of relu(number / limit - 1).

    Args:
        deltas: float (N, 3, S, S).
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N,), with a finite gradient everywhere.
    """
    grain = scene.dssim(scene.apply(deltas))
    # RMS below the limit cost nothing: working with squares keeps the gradient finite at zero.
    luma, colour = tint_power(deltas, scene.weights, scene.low_pass)
    ratios = (
        grain / budget.dssim,
        (luma / budget.luma**2).clamp_min(1).sqrt(),
        (colour / budget.colour**2).clamp_min(1).sqrt(),
    )
    return torch.stack([torch.relu(ratio - 1) for ratio in ratios]).sum(0)


def project(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Keep |delta| <= eps and crops + deltas in [0, 1], which no trade-off may break on the way."""
    return scene.apply(deltas.clamp(-budget.eps, budget.eps)) - scene.crops


def fit(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Scale deltas down until the exact measures are inside the budget: first what SSIM sees, then, if need be, all.

    Args:
        deltas: float (N, 3, S, S).
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S), |delta| <= eps and crops + deltas in [0, 1].
    """
    deltas = project(deltas, scene, budget)
    smooth = _smooth(deltas) * scene.masks.gt(0)
    grain = deltas - smooth

    def grainy(factors: torch.Tensor) -> torch.Tensor:
        return scene.dssim(scene.apply(smooth + grain * factors)) > budget.dssim

    deltas = project(smooth + grain * _largest(grainy, deltas), scene, budget)
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


def _smooth(deltas: torch.Tensor) -> torch.Tensor:
    """Return the part of deltas that moves SSIM's local means."""
    kernel = gaussian(torch.tensor([SSIM_SIGMA], device=deltas.device), radius=5)
    return blur(deltas, kernel)


def _exceeds(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Return bool (N,): is any number of the budget exceeded inside the box?"""
    changed = scene.apply(deltas)
    colour, luma = tint(changed - scene.crops, scene.weights, scene.low_pass)
    grain = scene.dssim(changed)
    return (grain > budget.dssim) | (colour > budget.colour) | (luma > budget.luma)

"""Keeping deltas inside the visibility budget: nearly at each step, exactly at the end."""

from collections.abc import Callable

import torch

from cloak.attack.budget import blur, power, tint, to_rgb, to_ycbcr
from cloak.attack.scene import Scene
from cloak.config import Budget

BISECTIONS = 8

PEAK_LUMA, PEAK_COLOUR = 6.0, 2.5
"""Largest low-passed change anywhere, in units of its limit: shading passes for light, a coloured spot for nothing."""

SPECK = 0.15
"""Largest change of Cb or Cr of a pixel, in units of eps: purple and yellow specks are seen before grey ones."""


def project(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Move deltas to nearly the nearest ones inside the budget.

    Tint and blotches are taken away as far as they are over their limits; DSSIM grows with the square of a change, so
    one look at it says by how much to shrink.

    Args:
        deltas: float (N, 3, S, S), zero where the masks are.
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S): |delta| <= eps and crops + deltas in [0, 1] exactly, the other limits nearly.
    """
    deltas = _damp(deltas, scene, budget)
    deltas = scene.apply(deltas.clamp(-budget.eps, budget.eps)) - scene.crops
    return deltas * _shrink(scene.dssim(scene.apply(deltas)), scene.room * budget.dssim).sqrt()


def _damp(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Take away what is over the limits: of the low-passed part, of coloured specks, of the fineness of colour."""
    rows, columns = scene.region  # nothing changes elsewhere
    change = to_ycbcr(deltas[:, :, rows, columns])
    low = scene.low_pass(change)
    luma, colour = power(low, scene.weights[:, :, rows, columns])
    keep_luma, keep_colour = _shrink(luma.sqrt(), budget.luma), _shrink(colour.sqrt(), budget.colour)
    # The limits are averages; what stands out from the average is seen as a spot.
    peak = _limits(budget.luma * PEAK_LUMA / 255, budget.colour * PEAK_COLOUR / 255 * scene.colour)
    kept = (low * torch.cat([keep_luma, keep_colour, keep_colour], 1)).clamp(-peak, peak)
    masks = scene.masks[:, :, rows, columns]
    change = change - (low - kept) * masks
    speck = _limits(budget.eps, budget.eps * SPECK * scene.colour)
    change = change.clamp(-speck, speck)
    change = torch.cat([change[:, :1], blur(change[:, 1:], scene.chroma) * (masks > 0)], 1)
    damped = torch.zeros_like(deltas)
    damped[:, :, rows, columns] = to_rgb(change)
    return damped


def _limits(luma: float, colour: torch.Tensor) -> torch.Tensor:
    """Put limits on Y, Cb and Cr together: (N, 3, 1, 1) from one number and (N, 1, 1, 1)."""
    return torch.cat([torch.full_like(colour, luma), colour, colour], 1)


def _shrink(values: torch.Tensor, limit: float | torch.Tensor) -> torch.Tensor:
    """Return the factors (N, 1, 1, 1), at most 1, that bring values (N,) down to a limit."""
    return (limit / values.clamp_min(1e-12)).clamp(max=1)[:, None, None, None]


def fit(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Scale deltas down until the exact measures are inside the budget.

    Args:
        deltas: float (N, 3, S, S), |delta| <= eps and crops + deltas in [0, 1].
        scene: their batch.
        budget: what may be seen.

    Returns:
        float (N, 3, S, S), each delta scaled by the largest factor in [0, 1] that will do, by bisection.
    """
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


def _exceeds(deltas: torch.Tensor, scene: Scene, budget: Budget) -> torch.Tensor:
    """Return bool (N,): is any number of the budget exceeded inside the box?"""
    changed = scene.apply(deltas)
    colour, luma = tint(changed - scene.crops, scene.weights, scene.low_pass)
    grain = scene.dssim(changed)
    return (grain > scene.room * budget.dssim) | (colour > budget.colour) | (luma > budget.luma)

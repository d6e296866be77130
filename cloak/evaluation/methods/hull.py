"""The nearest point of a convex hull, without a solver of quadratic programmes."""

import torch

ITERATIONS = 200


def nearest(points: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Find the points of a convex hull that are nearest to some points.

    Args:
        points: float (N, D).
        corners: float (K, D), what the hull is spanned by; K at least 1.

    Returns:
        float (N, D), sums of corners with weights that are at least 0 and sum to 1.

    Source: projected gradient descent with momentum, Beck and Teboulle 2009 (FISTA).
    """
    gram, aims = corners @ corners.T, points @ corners.T
    rate = 1 / torch.linalg.matrix_norm(gram, 2).clamp_min(1e-12)
    weights = torch.full_like(aims, 1 / len(corners))
    ahead, pace = weights, 1.0
    for _ in range(ITERATIONS):
        moved = to_simplex(ahead - rate * (ahead @ gram - aims))
        faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        ahead, weights, pace = moved + (pace - 1) / faster * (moved - weights), moved, faster
    return weights @ corners


def to_simplex(values: torch.Tensor) -> torch.Tensor:
    """Return the nearest weights that are at least 0 and sum to 1, row by row of (N, K).

    Source: Duchi et al. 2008, figure 1.
    """
    falling = values.sort(1, descending=True).values
    over = (falling.cumsum(1) - 1) / torch.arange(1, values.shape[1] + 1, device=values.device)
    kept = (falling > over).sum(1, keepdim=True)
    return (values - over.gather(1, kept - 1)).clamp_min(0)

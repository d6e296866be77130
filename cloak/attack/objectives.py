"""What a cloak wants of a surrogate's embeddings."""

import torch


def dodge(embeddings: torch.Tensor, references: torch.Tensor, margin: float) -> torch.Tensor:
    """Be unlike oneself: relu(cos + margin).

    Past `-margin` a surrogate is content and leaves the budget to those that are not. The loss of one face does not
    depend on its company.

    Args:
        embeddings: float (N, D), L2-normalised, of the cloaked faces.
        references: float (N, D), L2-normalised, of the same faces before.
        margin: in [-1, 1].

    Returns:
        float (N,).
    """
    return torch.relu((embeddings * references).sum(1) + margin)

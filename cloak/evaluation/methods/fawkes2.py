"""Fawkes 2: towards somebody else and away from oneself, through blur, resizing and JPEG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from cloak.attack import Scene, Surrogate, align
from cloak.attack.budget import blur, gaussian, to_ycbcr
from cloak.evaluation.methods.jpeg import jpeg
from cloak.evaluation.methods.recipe import Recipe, Settings

TEMPLATE_EYES, TEMPLATE_SIDE = 35.24, 112
"""Distance of the eyes in ArcFace's template and its side, pixels: what jitter and blur are measured in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fawkes2Settings(Settings):
    """The settings of its mode "mid" before it had a colour penalty.

    Attributes:
        steps: of Adam; each sees the faces through one view.
        eps: largest change of a channel.
        rate: learning rate, in [0, 1] units.
        views: random views after each clean one.
        itself: weight of the similarity to oneself.
        grain: weight of the DSSIM that is too much.
        chroma: weight of the mean change of colour, in [0, 1] units.
        jitter: largest displacement of a landmark, pixels of a face of 112.
        sigma: largest blur, pixels of a face of 112.
        shrink: smallest share that a view is shrunk to and back.
        quality: of JPEG, from and to.
        slack: deltas with so much of the DSSIM asked for may be kept.
    """

    steps: int = 120
    eps: float = 16 / 255
    rate: float = 2 / 255
    views: int = 2
    itself: float = 1.0
    grain: float = 100.0
    chroma: float = 0.0
    jitter: float = 2.0
    sigma: float = 1.5
    shrink: float = 0.7
    quality: tuple[float, float] = (60.0, 95.0)
    slack: float = 1.05


CHROMA = Fawkes2Settings(eps=24 / 255, chroma=30.0)
"""The mode "mid" with the penalty on colour, and the larger change of a channel that pays for it."""

BETAS = (0.9, 0.999)
GROUND = 255e-8
"""Adam's. Source: Kingma and Ba 2015, algorithm 1; the authors' gradients are by grey levels, ours by [0, 1]."""


class Fawkes2(Recipe):
    """Fawkes 2.

    Same: the mean over all surrogates of the distance to a target and of the positive part of the similarity to
    oneself; DSSIM over the budget costs 100 a unit, in the variant colour 30; Adam with steps of 2/255 cut at eps;
    each step takes one view, one clean and two random ones in turn (moved landmarks, blur, shrinking, JPEG); the best
    deltas on a clean view and near the budget are kept, though never none at all.

    Different: the target is the most unlike person of our pool, where theirs is also matched in age, sex and skin; no
    penalty on apparent age, which came later and needs another network; no token masks, since no surrogate of ours
    is a vision transformer; faces of one batch get the same draws, so that a face comes out the same alone and in
    company; no face stops early, which costs time and can only find better deltas. Their surrogates are larger
    (ResNet-100 and ViT-B), ours are given.

    Args:
        surrogates: at least one.
        settings: see there.
        targets: float (N, D), or (D,) for all faces, L2-normalised: the embedding of each face's target, for each
            surrogate.
        dssim: of the written face.
        seed: of every random draw.

    Source: hedgeho/fawkes, 2026, "docs/DECISIONS.md" 1 to 12, and its code.
    """

    def __init__(
        self,
        surrogates: Sequence[Surrogate],
        settings: Fawkes2Settings,
        *,
        targets: Sequence[torch.Tensor],
        dssim: float,
        seed: int,
    ) -> None:
        super().__init__(surrogates, settings, dssim=dssim, seed=seed)
        self.settings = settings
        self.targets = tuple(targets)

    def losses(
        self,
        changed: torch.Tensor,
        scene: Scene,
        own: Sequence[torch.Tensor],
        step: int,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the objective with its penalties, and without them as the score of a clean view."""
        clean = step % (1 + self.settings.views) == 0
        draw = None if clean else torch.rand(13, generator=generator)
        terms = [
            self._term(surrogate(self._view(changed, scene, surrogate, draw)), before, target)
            for surrogate, before, target in zip(self.surrogates, own, self.targets, strict=True)
        ]
        features = torch.stack(terms).mean(0)
        grain, limits = scene.dssim(changed), self.limits(scene)
        penalty = self.settings.grain * torch.relu(grain - limits)
        if self.settings.chroma:
            penalty = penalty + self.settings.chroma * _colour(changed - scene.crops, scene.weights)
        refused = (grain.detach() > self.settings.slack * limits) | (not clean or step == 0)
        return features + penalty, features.detach().masked_fill(refused, torch.inf)

    def step(
        self, deltas: torch.Tensor, gradient: torch.Tensor, momentum: torch.Tensor, scene: Scene, rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a step of Adam. Source: Kingma and Ba 2015, algorithm 1."""
        del scene
        first, second = BETAS
        means = first * momentum[0] + (1 - first) * gradient
        squares = second * momentum[1] + (1 - second) * gradient.square()
        size = (squares / (1 - second**rate)).sqrt() + GROUND
        return deltas - self.settings.rate * means / (1 - first**rate) / size, torch.stack([means, squares])

    def _term(self, embeddings: torch.Tensor, own: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return 1 - (embeddings * target).sum(1) + self.settings.itself * torch.relu((embeddings * own).sum(1))

    def _view(
        self, changed: torch.Tensor, scene: Scene, surrogate: Surrogate, draw: torch.Tensor | None
    ) -> torch.Tensor:
        if draw is None:
            return align(changed, scene.landmarks, surrogate)
        eyes = (scene.landmarks[:, 1] - scene.landmarks[:, 0]).norm(dim=1)[:, None, None]
        moves = (2 * draw[:10].reshape(1, 5, 2).to(eyes) - 1) * self.settings.jitter / TEMPLATE_EYES
        faces = align(changed, scene.landmarks + moves * eyes, surrogate)
        side = faces.shape[-1]
        sigma = torch.tensor([float(draw[10]) * self.settings.sigma * side / TEMPLATE_SIDE]).clamp_min(0.05)
        faces = blur(faces, gaussian(sigma.to(faces.device), radius=math.ceil(3 * float(sigma))))
        small = round(side * (self.settings.shrink + (1 - self.settings.shrink) * float(draw[11])))
        shrunk = F.interpolate(faces, (small, small), mode="bilinear", antialias=True)
        lowest, highest = self.settings.quality
        return jpeg(F.interpolate(shrunk, (side, side), mode="bilinear"), lowest + (highest - lowest) * float(draw[12]))


def _colour(change: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the mean length of (Cb, Cr) over the weights, float (N,)."""
    chroma = to_ycbcr(change)[:, 1:]
    # The ground keeps the gradient of the root finite: a thousandth of a grey level.
    lengths = (chroma.square().sum(1, keepdim=True) + (1e-3 / 255) ** 2).sqrt()
    return (lengths * weights).sum((1, 2, 3))

"""OPOM: one mask for all photos of a person."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from cloak.attack import Scene, Surrogate, align
from cloak.errors import ConfigError
from cloak.evaluation.methods.base import Deltas, embed, reach, rows_of
from cloak.evaluation.methods.hull import nearest
from cloak.evaluation.methods.recipe import Settings
from cloak.evaluation.victims import ARCFACE
from cloak.faces.geometry import similarity, warp
from cloak.photo import FaceBatch

MARGIN, SIDE = 16, 144
"""Our region is wider than the authors' face of 112 px, in ArcFace's template: the mask has so much more on each side,
and is so wide in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpomSettings(Settings):
    """The authors' settings.

    Attributes:
        steps: sign steps.
        eps: largest change of a channel; with a DSSIM asked for, the eps at which random signs have it is taken.
        parts: a step is such a part of eps.
        centred: steps away from the mean of the person's features, before those away from their hull.
    """

    steps: int = 16
    eps: float = 8 / 255
    parts: int = 8
    centred: int = 5


class Opom:
    """OPOM with convex hulls: a plan, for it looks at all photos of a person.

    Same: one additive mask in the frame of the aligned face, found by signed steps of an eighth of eps from uniform
    noise, cut at eps; the objective is the squared distance of each photo's features from the nearest point of the
    convex hull of the clean ones, for the first 5 of 16 steps from their mean.

    Different: the mask is laid on the photos by the similarity of their landmarks, under our mask, where the authors
    add it to faces that are already aligned; all surrogates, where they have one; eps is the one at which random
    signs have the DSSIM asked for, since 8/255 may be more or less; and every photo's change is then scaled to have it
    exactly. The mask is found on the very photos that it protects, which is kinder to it than the authors' test on
    photos it has not seen.

    Args:
        surrogates: at least one.
        settings: see there.
        dssim: of the written face.
        seed: of every random draw.

    Source: Zhong and Deng 2022, "OPOM: Customized Invisible Cloak towards Face Privacy Protection", TPAMI, and its
        code (`OPOM-ConvexHull`).
    """

    def __init__(self, surrogates: Sequence[Surrogate], settings: OpomSettings, *, dssim: float, seed: int) -> None:
        if not surrogates:
            raise ConfigError("an attack needs at least one surrogate, got none")
        self.surrogates = tuple(surrogates)
        self.settings = settings
        self.dssim = dssim
        self.seed = seed

    def __call__(self, batches: Sequence[FaceBatch], people: torch.Tensor) -> Deltas:
        """Find each person's mask; return what lays them on photos."""
        device = self.surrogates[0].template.device
        masks = {person: self.mask(_scenes(batches, people == person, device)) for person in set(people.tolist())}

        def deltas(batch: FaceBatch) -> torch.Tensor:
            worn = torch.stack([masks[person] for person in people[batch.photo.cpu()].tolist()])
            return self._laid(worn, Scene.of(batch, device))

        return deltas

    def mask(self, scenes: Sequence[Scene]) -> torch.Tensor:
        """Find the mask of the person that scenes show, float (3, SIDE, SIDE)."""
        corners = [torch.cat(parts) for parts in zip(*(embed(scene, self.surrogates) for scene in scenes), strict=True)]
        generator = torch.Generator().manual_seed(self.seed)
        start = 2 * torch.rand(3, SIDE, SIDE, generator=generator).to(corners[0]) - 1
        eps = self._eps(start.sign(), scenes)
        mask = start * eps
        for step in range(self.settings.steps):
            free = mask.detach().requires_grad_(True)
            gradient = torch.zeros_like(mask)
            for loss in self._losses(free, scenes, corners, centred=step < self.settings.centred):
                gradient += torch.autograd.grad(loss, free)[0]
            mask = (mask + eps / self.settings.parts * gradient.sign()).clamp(-eps, eps)
        return mask

    def _losses(
        self, mask: torch.Tensor, scenes: Iterable[Scene], corners: Sequence[torch.Tensor], *, centred: bool
    ) -> Iterator[torch.Tensor]:
        """Yield the squared distance that each scene has from the person, summed over photos and surrogates."""
        for scene in scenes:
            changed = scene.apply(self._laid(mask, scene))
            total = mask.new_zeros(())
            for surrogate, corner in zip(self.surrogates, corners, strict=True):
                embeddings = surrogate(align(changed, scene.landmarks, surrogate))
                near = corner.mean(0) if centred else nearest(embeddings.detach(), corner)
                total = total + (embeddings - near).square().sum()
            yield total

    def _eps(self, signs: torch.Tensor, scenes: Sequence[Scene]) -> float:
        """Return the eps at which random signs have the DSSIM asked for, mean over the photos."""
        laid = [self._laid(signs * self.settings.eps, scene) for scene in scenes]
        found = [reach(deltas, scene, self.dssim) for deltas, scene in zip(laid, scenes, strict=True)]
        shares = torch.cat([_size(after) / _size(before) for before, after in zip(laid, found, strict=True)])
        return self.settings.eps * float(shares.mean())

    def _laid(self, mask: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Lay a mask, (3, SIDE, SIDE), or one for each face, (N, 3, SIDE, SIDE), on the faces: float (N, 3, S, S)."""
        place = torch.tensor(ARCFACE, device=mask.device) + MARGIN
        to_frame = similarity(place.expand(len(scene.landmarks), -1, -1), scene.landmarks)
        masks = mask.expand(len(to_frame), -1, -1, -1)
        return warp(masks, to_frame, scene.crops.shape[-1], antialias=True) * scene.masks


def _scenes(batches: Sequence[FaceBatch], chosen: torch.Tensor, device: torch.device) -> list[Scene]:
    """Return scenes of the faces in chosen photos, bool (photos,)."""
    rows = [(batch, chosen[batch.photo.cpu()].nonzero().flatten()) for batch in batches]
    return [Scene.of(rows_of(batch, some.to(batch.crops.device), device), device) for batch, some in rows if len(some)]


def _size(deltas: torch.Tensor) -> torch.Tensor:
    """Return the length of each of some deltas (N, 3, S, S)."""
    return deltas.square().sum((1, 2, 3)).sqrt()

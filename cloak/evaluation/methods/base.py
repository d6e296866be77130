"""What every method does: faces into our frame, deltas from a plan, deltas back into the photos."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeAlias

import torch

from cloak.attack import Scene, Surrogate, align
from cloak.faces.composite import composite
from cloak.faces.frame import frame
from cloak.models import Recogniser
from cloak.photo import Face, FaceBatch, Photo

REVISION = 2
"""Part of every key: raise it when a method, our frame or our metric changes."""

TOGETHER = 8
"""Faces that are worked on together."""

Deltas: TypeAlias = Callable[[FaceBatch], torch.Tensor]
"""Batches to deltas, float32 (N, 3, S, S), zero where the masks are. `cloak.attack.Attack` is one."""

Plan: TypeAlias = Callable[[Sequence[FaceBatch]], Deltas]
"""All faces of one person to what makes their deltas: the place to choose a target or to find a common mask."""


class Method(Protocol):
    """A way to protect photos."""

    @property
    def name(self) -> str:
        """What it is called: "ours:balanced", "fawkes2", ..."""
        ...

    @property
    def key(self) -> str:
        """A hash of everything that decides the pixels (recipe, settings, weights, seed), 16 hex digits: for caches."""
        ...

    @property
    def surrogates(self) -> tuple[str, ...]:
        """Names of the recognisers whose gradients it uses: a victim among them has to be marked."""
        ...

    @property
    def joint(self) -> bool:
        """Whether what becomes of a photo depends on the person's other photos."""
        ...

    def cloak(self, photos: Sequence[Photo], faces: Sequence[Face], /) -> list[Photo]:
        """Protect all the photos of one person that are to be protected.

        Args:
            photos: of one person.
            faces: where the person is, one for each photo.

        Returns:
            Photos in the same order; every pixel outside the faces' regions is as it was.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMethod:
    """A method whose deltas come from a plan; the rest is the same for all.

    Attributes:
        name: as in `Method`.
        key: as in `Method`.
        surrogates: as in `Method`.
        joint: as in `Method`.
        plan: where its deltas come from.
        device: where it computes.
        seed: of the rounding.
        dssim: of the written face, that deltas are scaled to reach, so that methods are compared at one visibility;
            None leaves them as they are.
    """

    name: str
    key: str
    surrogates: tuple[str, ...]
    plan: Plan
    device: torch.device
    seed: int
    dssim: float | None
    joint: bool = False

    def cloak(self, photos: Sequence[Photo], faces: Sequence[Face], /) -> list[Photo]:
        """Protect photos of one person, one face each: see `Method`."""
        pixels = [photo.pixels for photo in photos]
        batches = [part for batch in frame(photos, [[face] for face in faces]) for part in _parts(batch, self.device)]
        deltas = self.plan(batches)
        for batch in batches:
            made = self._fitted(deltas(batch), batch)
            for row, index in enumerate(batch.photo.tolist()):
                pixels[index] = composite(pixels[index], batch, made, row)
        return [replace(photo, pixels=changed) for photo, changed in zip(photos, pixels, strict=True)]

    def _fitted(self, deltas: torch.Tensor, batch: FaceBatch) -> torch.Tensor:
        if self.dssim is None:
            return deltas
        scene = Scene.of(batch, self.device)
        return reach(deltas, scene, self.dssim, finish=lambda scaled: dithered(scaled, batch, self.seed))


def key_of(*parts: object, surrogates: Sequence[Recogniser]) -> str:
    """Hash what decides the pixels: anything whose `repr` says what it is, and the surrogates' weights, in order."""
    digest = hashlib.sha256(repr((REVISION, *parts)).encode())
    for surrogate in surrogates:
        digest.update(weights_hash(surrogate).encode())
    return digest.hexdigest()[:16]


def weights_hash(module: torch.nn.Module) -> str:
    """Hash the parameters and buffers of a network, its template among them."""
    digest = hashlib.sha256()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def reach(
    deltas: torch.Tensor,
    scene: Scene,
    dssim: float,
    *,
    finish: Callable[[torch.Tensor], torch.Tensor] = lambda deltas: deltas,
) -> torch.Tensor:
    """Scale deltas, up or down, until they just reach a DSSIM.

    Args:
        deltas: float (N, 3, S, S). One without any change stays so.
        scene: their batch.
        dssim: of the written face; the deltas get the share of it that `Scene.room` says, as ours do.
        finish: what becomes of scaled deltas; they are measured after it.

    Returns:
        float (N, 3, S, S), finished, crops + deltas in [0, 1].
    """
    limits = scene.room * dssim

    def scaled(factors: torch.Tensor) -> torch.Tensor:
        return scene.apply(finish(deltas * per_image(factors)))

    low, high = torch.zeros_like(limits), torch.ones_like(limits)
    for _ in range(DOUBLINGS):
        high = torch.where(scene.dssim(scaled(high)) < limits, 2 * high, high)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        under = scene.dssim(scaled(middle)) < limits
        low, high = torch.where(under, middle, low), torch.where(under, high, middle)
    return scaled(low) - scene.crops


DOUBLINGS, BISECTIONS = 8, 16


def dithered(deltas: torch.Tensor, batch: FaceBatch, seed: int) -> torch.Tensor:
    """Round deltas to whole grey levels at random, where a pixel of the frame is one of the photo.

    Changes bounded by a number, as sign steps make them, are 2.4 grey levels nearly everywhere; rounded to the nearest
    they would all be 2, and no scaling would give them the visibility that others have.

    Args:
        deltas: float (N, 3, S, S).
        batch: their faces; those whose frame is smaller than they are come back as they went in.
        seed: of the draw, which is the same for all faces of a frame size.

    Returns:
        float (N, 3, S, S), right in the mean.
    """
    draw = torch.rand(deltas.shape[1:], generator=torch.Generator().manual_seed(seed)).to(deltas)
    native = per_image(batch.to_photo[:, 0, 0].to(deltas.device) == 1)
    return torch.where(native, (deltas * 255 + draw).floor() / 255, deltas)


@torch.no_grad()
def embed(scene: Scene, surrogates: Sequence[Surrogate]) -> list[torch.Tensor]:
    """Embed the clean faces of a scene: float (N, D) for each surrogate."""
    return [surrogate(align(scene.crops, scene.landmarks, surrogate)) for surrogate in surrogates]


def per_image(values: torch.Tensor) -> torch.Tensor:
    """Turn (N,) into (N, 1, 1, 1)."""
    return values[:, None, None, None]


def rows_of(batch: FaceBatch, rows: slice, device: torch.device) -> FaceBatch:
    """Return some rows of a batch, on a device."""
    return FaceBatch(**{field.name: getattr(batch, field.name)[rows].to(device) for field in fields(batch)})


def _parts(batch: FaceBatch, device: torch.device) -> Iterator[FaceBatch]:
    """Yield the rows of a batch, `TOGETHER` at most at a time, on a device."""
    for start in range(0, len(batch), TOGETHER):
        yield rows_of(batch, slice(start, start + TOGETHER), device)

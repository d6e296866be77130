"""What every method does: faces into our frame, deltas from a plan, deltas back into the photos."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeAlias

import torch

from cloak.attack import Scene, Surrogate, align
from cloak.evaluation.looks import seen
from cloak.faces.composite import composite
from cloak.faces.frame import frame
from cloak.image.codec import decode, encode
from cloak.image.strip.bare import strip
from cloak.models import Recogniser
from cloak.photo import Face, FaceBatch, Photo

REVISION = 5
"""Part of every key: raise it when our frame or our metric changes, or what is common to all methods."""

TOGETHER = 8
"""Faces that are worked on together."""

Deltas: TypeAlias = Callable[[FaceBatch], torch.Tensor]
"""Batches to deltas, float32 (N, 3, S, S), zero where the masks are. `cloak.attack.Attack` is one."""

Plan: TypeAlias = Callable[[Sequence[FaceBatch], torch.Tensor], Deltas]
"""All faces, and whom each photo shows (int64, by `FaceBatch.photo`), to what makes their deltas: the place to choose
a target for each person or to find a mask that all photos of a person share."""


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

    def cloak(
        self, photos: Sequence[Photo], faces: Sequence[Face], /, *, people: Sequence[int] | None = None
    ) -> list[Photo]:
        """Protect photos; a person comes with all the photos that are to be protected.

        Args:
            photos: of one person or of several, who are worked on together, which is faster.
            faces: where the person is, one for each photo.
            people: whom each photo shows, by number; by default all show the same person.

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
        dssim: of the written face, that each is scaled to have, so that methods are compared at one visibility; None
            leaves deltas as they are.
    """

    name: str
    key: str
    surrogates: tuple[str, ...]
    plan: Plan
    device: torch.device
    seed: int
    dssim: float | None
    joint: bool = False

    def cloak(
        self, photos: Sequence[Photo], faces: Sequence[Face], /, *, people: Sequence[int] | None = None
    ) -> list[Photo]:
        """Protect photos, one face each: see `Method`."""
        lossless = torch.tensor([photo.encoding.lossless for photo in photos])
        framed = [replace(one, lossless=lossless[one.photo]) for one in frame(photos, [[face] for face in faces])]
        batches = [part for batch in framed for part in _parts(batch, self.device)]
        deltas = self.plan(batches, torch.tensor(people or [0] * len(photos)))
        changed = list(photos)
        for batch in batches:
            found = deltas(batch)
            made = self._worn(found, batch, photos) if self.dssim is None else self._scaled(found, batch, photos, faces)
            for index, photo in zip(batch.photo.tolist(), made, strict=True):
                changed[index] = photo
        return changed

    def _worn(self, deltas: torch.Tensor, batch: FaceBatch, photos: Sequence[Photo]) -> list[Photo]:
        """Lay deltas on the photos that a batch is of."""
        return [
            replace(photos[index], pixels=composite(photos[index].pixels, batch, deltas, row))
            for row, index in enumerate(batch.photo.tolist())
        ]

    def _scaled(
        self, deltas: torch.Tensor, batch: FaceBatch, photos: Sequence[Photo], faces: Sequence[Face]
    ) -> list[Photo]:
        """Lay deltas on, scaled so that the written files have the DSSIM: what a file makes of them is tried out."""
        scene = Scene.of(batch, self.device)
        wanted = torch.full_like(scene.room, float(self.dssim or 0))
        aim = wanted
        for _ in range(TRIES):
            fitted = reach(deltas, scene, aim, finish=lambda scaled: dithered(scaled, batch, self.seed))
            made = self._worn(fitted, batch, photos)
            rows = zip(batch.photo.tolist(), made, strict=True)
            got = torch.tensor([written_dssim(photos[index], after, faces[index]) for index, after in rows])
            aim = aim * (wanted / got.to(wanted).clamp_min(1e-9)).clamp(0.5, 2)
        return made


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
    dssim: float | torch.Tensor,
    *,
    finish: Callable[[torch.Tensor], torch.Tensor] = lambda deltas: deltas,
) -> torch.Tensor:
    """Scale deltas, up or down, until they just reach a DSSIM.

    Args:
        deltas: float (N, 3, S, S). One without any change stays so.
        scene: their batch.
        dssim: of the written face, one for all or float (N,); deltas get the share of it that `Scene.room` says, as
            ours do.
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
TRIES = 3
"""Files that are written to find the scale at which a file has the DSSIM asked for."""


def written_dssim(before: Photo, after: Photo, face: Face) -> float:
    """Return the DSSIM that a photo has in the face box when it was written and read again."""
    return float(seen(before, decode(encode(strip(after))), face).dssim)


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


def rows_of(batch: FaceBatch, rows: slice | torch.Tensor, device: torch.device) -> FaceBatch:
    """Return some rows of a batch, on a device."""
    return FaceBatch(**{field.name: getattr(batch, field.name)[rows].to(device) for field in fields(batch)})


def _parts(batch: FaceBatch, device: torch.device) -> Iterator[FaceBatch]:
    """Yield the rows of a batch, `TOGETHER` at most at a time, on a device."""
    for start in range(0, len(batch), TOGETHER):
        yield rows_of(batch, slice(start, start + TOGETHER), device)

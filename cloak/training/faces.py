"""Faces to train on: cut out of a folder of photos once, and kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from cloak.attack import Surrogate, references
from cloak.attack.amortised import SIDE
from cloak.config import Views
from cloak.errors import DatasetError, PhotoError
from cloak.evaluation.dataset import within
from cloak.faces.central import central
from cloak.faces.detect import Detector
from cloak.faces.frame import frame
from cloak.files import read
from cloak.image.codec import decode
from cloak.names import shown
from cloak.photo import FaceBatch
from cloak.sources import SUFFIXES

MAX_BYTES = 2**28
TOGETHER = 16
LOOKS = 3
"""Random looks at each face, beside the ideal one, that its references are the mean of."""

MIRRORED = (1, 0, 2, 4, 3)
"""Which landmark each becomes in a mirror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFaces:
    """Faces in frames of one size, compactly.

    Attributes:
        crops: uint8 (N, 3, S, S), RGB.
        masks: uint8 (N, 1, S, S).
        landmarks: float32 (N, 5, 2).
        boxes: float32 (N, 4).
        references: name of a surrogate to float32 (N, D), what it makes of each face.
    """

    crops: torch.Tensor
    masks: torch.Tensor
    landmarks: torch.Tensor
    boxes: torch.Tensor
    references: dict[str, torch.Tensor]

    def __len__(self) -> int:
        return len(self.crops)

    def batch(self, rows: torch.Tensor, device: torch.device, *, mirrored: bool = False) -> FaceBatch:
        """Return some faces, all of them mirrored or none."""
        crops, masks = self.crops[rows].to(device).float() / 255, self.masks[rows].to(device).float() / 255
        landmarks, boxes = self.landmarks[rows].to(device), self.boxes[rows].to(device)
        if mirrored:
            crops, masks, last = crops.flip(-1), masks.flip(-1), crops.shape[-1] - 1
            landmarks = torch.stack([last - landmarks[..., 0], landmarks[..., 1]], -1)[:, MIRRORED]
            boxes = torch.stack([last - boxes[:, 2], boxes[:, 1], last - boxes[:, 0], boxes[:, 3]], 1)
        return FaceBatch(
            crops=crops,
            masks=masks,
            landmarks=landmarks,
            boxes=boxes,
            to_photo=torch.eye(2, 3).expand(len(rows), -1, -1),
            photo=rows,
            lossless=torch.zeros(len(rows), dtype=torch.bool, device=device),
        )

    def save(self, path: Path) -> None:
        """Write everything to a file."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "references"}
        save_file(tensors | {f"references.{name}": each for name, each in self.references.items()}, path)

    @classmethod
    def load(cls, path: Path) -> "TrainingFaces":
        """Read what was saved."""
        found = load_file(path)
        kept = {name.split(".", 1)[1]: found.pop(name) for name in list(found) if name.startswith("references.")}
        return cls(references=kept, **found)


def gather(
    photos: Sequence[Path],
    detector: Detector,
    surrogates: Mapping[str, Surrogate],
    *,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> TrainingFaces:
    """Cut the central face out of each photo and ask the surrogates about it.

    Photos that cannot be read or have no face are passed over.

    Raises:
        DatasetError: no face was found in any.
    """
    batches = [_resized(batch) for part in _parts(photos) for batch in _frames(part, detector, advance)]
    if not batches:
        raise DatasetError(f"no face was found in {len(photos)} photos: are they photos of people?")
    joined = {name: torch.cat([getattr(batch, name) for batch in batches]) for name in ("landmarks", "boxes")}
    crops, masks = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("crops", "masks"))
    generator = torch.Generator().manual_seed(seed)
    clean = {
        name: torch.cat([_references(batch, surrogate, generator) for batch in batches])
        for name, surrogate in surrogates.items()
    }
    pixels = {name: (each * 255).round().to(torch.uint8) for name, each in (("crops", crops), ("masks", masks))}
    return TrainingFaces(**pixels, **joined, references=clean)


def choose(folder: Path, letters: tuple[str, str] | None, *, most: int, seed: int) -> list[Path]:
    """Choose photos of ``folder/<person>/<photo>`` by chance.

    Args:
        folder: of folders.
        letters: only people whose names start with a letter in this range; None for everybody.
        most: photos at most.
        seed: of the draw.

    Raises:
        DatasetError: there are none.
    """
    found = [path for path in sorted(folder.glob("*/*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    found = [path for path in found if within(path.parent.name, letters)]
    if not found:
        raise DatasetError(f"{shown(folder)} has no photos: it must hold one folder of photos for each person")
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed)).tolist()
    return [found[index] for index in order[:most]]


def _parts(photos: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(photos), TOGETHER):
        yield photos[start : start + TOGETHER]


def _frames(paths: Sequence[Path], detector: Detector, advance: Callable[[], None]) -> list[FaceBatch]:
    photos, faces = [], []
    for path in paths:
        try:
            photo = decode(read(path, max_bytes=MAX_BYTES))
        except PhotoError:
            continue
        finally:
            advance()
        face = central(detector.detect([photo.pixels])[0], photo.pixels)
        if face is not None:
            photos.append(photo)
            faces.append([face])
    return frame(photos, faces)


def _resized(batch: FaceBatch) -> FaceBatch:
    """Bring frames to the side that the network works in."""
    size = batch.crops.shape[-1]
    scale = SIDE / size
    both = torch.cat([batch.crops, batch.masks], 1)
    both = F.interpolate(both, (SIDE, SIDE), mode="bilinear", antialias=scale < 1) if scale != 1 else both
    return FaceBatch(
        crops=both[:, :3].clamp(0, 1),
        masks=both[:, 3:].clamp(0, 1),
        landmarks=(batch.landmarks + 0.5) * scale - 0.5,
        boxes=(batch.boxes + 0.5) * scale - 0.5,
        to_photo=batch.to_photo,
        photo=batch.photo,
        lossless=batch.lossless,
    )


def _references(batch: FaceBatch, surrogate: Surrogate, generator: torch.Generator) -> torch.Tensor:
    device = surrogate.template.device
    crops, landmarks = batch.crops.to(device), batch.landmarks.to(device)
    return references(crops, landmarks, surrogate, Views(), generator, looks=LOOKS).cpu()

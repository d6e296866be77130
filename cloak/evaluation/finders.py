"""The detectors of an evaluation: they find and align faces as an engine would, not as the cloak did."""

from collections.abc import Callable
from typing import Protocol

import torch

from cloak.errors import UsageError
from cloak.evaluation.mtcnn import MtcnnFinder
from cloak.evaluation.scrfd import ScrfdFinder
from cloak.evaluation.victims import FaceCrop
from cloak.faces.detect import Detector
from cloak.models import artifact, load_detector
from cloak.photo import Face

AROUND = 1.0
"""Face sizes that are kept on each side of a box: any recogniser's crop fits in, and an album fits in memory."""


class Finder(Protocol):
    """A detector.

    Attributes:
        name: for tables.
        key: tells its answers from those of any other in caches.
    """

    name: str
    key: str

    def find(self, pixels: torch.Tensor, /) -> list[Face]:
        """Find the faces in uint8 (3, H, W), largest first."""
        ...


class YuNetFinder:
    """The detector that cloaks are made with: for comparisons, not for claims."""

    name = "yunet"

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.key = artifact(self.name).sha256[:16]
        self._detector = Detector(load_detector(device=device))

    def find(self, pixels: torch.Tensor) -> list[Face]:
        """Find the faces in uint8 (3, H, W), largest first."""
        return sorted(self._detector.detect([pixels])[0], key=lambda face: -face.size)


_FINDERS: dict[str, Callable[[str | torch.device], Finder]] = {
    YuNetFinder.name: YuNetFinder,
    ScrfdFinder.name: ScrfdFinder,
    MtcnnFinder.name: MtcnnFinder,
}


def open_finder(name: str, *, device: str | torch.device = "cpu") -> Finder:
    """Open a detector by name: `scrfd` or `mtcnn` for claims, `yunet` for comparisons.

    Raises:
        UsageError: there is none of that name.
        WeightsError: its weights cannot be had.
    """
    if name not in _FINDERS:
        raise UsageError(f"unknown detector {name!r}: choose from {', '.join(_FINDERS)}")
    return _FINDERS[name](device)


def crop(pixels: torch.Tensor, face: Face) -> FaceCrop:
    """Cut a face out of a photo (3, H, W), with a margin of `AROUND` face sizes; the photo is not kept."""
    left, top, right, bottom = face.box
    margin = AROUND * face.size
    _, height, width = pixels.shape
    first_x, first_y = max(0, int(left - margin)), max(0, int(top - margin))
    last_x, last_y = min(width, int(right + margin) + 1), min(height, int(bottom + margin) + 1)
    corner = torch.tensor([first_x, first_y], dtype=torch.float32)
    return FaceCrop(pixels=pixels[:, first_y:last_y, first_x:last_x].clone(), landmarks=face.landmarks.float() - corner)

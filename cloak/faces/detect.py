"""Find the faces in photos of any size.

Two steps, both with the same small network. The search looks for places that may be faces: at every scale, in tiles,
at a low threshold, and turned to either side at the scales where that is cheap. The second look shows each place alone,
upright and at the size at which the network is most exact: it decides what is a face, and where its landmarks are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from cloak.errors import ConfigError
from cloak.faces import geometry
from cloak.faces.candidates import Candidates, decode, join, nothing, suppress
from cloak.faces.pyramid import Level, Window, pyramid, windows
from cloak.models.networks.yunet import MULTIPLE, YuNet
from cloak.photo import Face, check_image

if TYPE_CHECKING:
    from typing import Self

_LOOK = 320
"""Side of the window of the second look."""

_LOOK_FACE = 208.0
"""Height of the face in it, pixels: landmarks are most exact at this size."""

_ENLARGE = 3.0
"""The most a face is enlarged for the second look: the network does not know blur."""

_INSIDE = 0.6
"""A box of which more than this lies in a better one is a part of that face."""

_UPRIGHT = torch.tensor([[-0.5, -0.42], [0.5, -0.42], [0.0, 0.1], [-0.4, 0.58], [0.4, 0.58]])
"""The five landmarks of an upright face, in eye distances."""


class Detector:
    """Finds faces from 24 pixels to the whole photo, turned by up to 45 degrees.

    In photos of more than 1.2 megapixels some faces under 32 pixels are lost, and turned ones under about 1/30 of the
    longer side (`cloak.faces.pyramid`); `tests/benchmarks/detection.json` has the numbers.

    Args:
        network: the detection network, already on its device.
        threshold: the least score of a face, in (0, 1]: the geometric mean of what the two steps say.
        overlap: boxes that overlap by more (intersection over union) are the same face.
        batch_pixels: how many pixels the network sees at once, which is what bounds the memory.

    Raises:
        ConfigError: a value is out of range.
    """

    def __init__(
        self,
        network: YuNet,
        *,
        threshold: float = 0.7,
        overlap: float = 0.3,
        batch_pixels: int = 2**20,
    ) -> None:
        for name, value in (("threshold", threshold), ("overlap", overlap)):
            if not 0 < value <= 1:
                raise ConfigError(f"{name} must be in (0, 1], got {value}")
        if batch_pixels < 1:
            raise ConfigError(f"batch_pixels must be positive, got {batch_pixels}")
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.threshold = threshold
        self._least = threshold**2  # the other score is at most 1: with less than this in one, the mean is too low
        self.overlap = overlap
        self.batch_pixels = batch_pixels

    @classmethod
    def from_pretrained(cls, device: str | torch.device = "cpu") -> "Self":
        """Return a detector with the trained YuNet, fetched at the first use.

        Raises:
            WeightsError: the weights cannot be had.
        """
        from cloak.models import load_detector  # noqa: PLC0415  # importing this module must not need the registry

        return cls(load_detector(device=device))

    @torch.no_grad()  # not inference_mode: landmarks go into graphs later
    def detect(self, images: Sequence[Tensor]) -> list[list[Face]]:
        """Find the faces in each photo, the largest first.

        Args:
            images: uint8 (3, H, W) each, RGB, upright, of any sizes.

        Returns:
            For each photo its faces, in its own pixels. Boxes may reach over the photo's edge.

        Raises:
            ShapeError: an image is not uint8 (3, H, W).
        """
        for image in images:
            check_image(image, channels=3)
        return [self._detect(image) for image in images]

    def _detect(self, image: Tensor) -> list[Face]:
        levels = pyramid(image.cpu())
        places = suppress(self._search(windows(levels)), self.overlap, inside=_INSIDE)
        found = suppress(self._look_again(levels, places), self.overlap, inside=_INSIDE)
        faces = [
            Face(box=(left, top, right, bottom), landmarks=landmarks.clone(), score=score)
            for (left, top, right, bottom), landmarks, score in zip(
                found.boxes().tolist(), found.landmarks, found.scores.tolist(), strict=True
            )
        ]
        return sorted(faces, key=lambda face: (-face.size, face.box))

    def _search(self, views: Iterable[Window]) -> Candidates:
        found = [nothing()]
        for batch in self._batches(views):
            results = self._run([view.pixels for view in batch])
            for window, candidates in zip(batch, results, strict=True):
                left, top, right, bottom = window.bounds
                boxes = candidates.boxes()
                whole = (boxes[:, 0] >= left) & (boxes[:, 1] >= top) & (boxes[:, 2] <= right) & (boxes[:, 3] <= bottom)
                found.append(suppress(candidates.select(whole), 0.5).mapped(window.to_photo))
        return join(found)

    def _batches(self, views: Iterable[Window]) -> Iterator[list[Window]]:
        """Group windows that follow one another and have the same size."""
        batch: list[Window] = []
        for view in views:
            size = view.pixels.shape[1] * view.pixels.shape[2]
            if batch and (view.pixels.shape != batch[0].pixels.shape or (len(batch) + 1) * size > self.batch_pixels):
                yield batch
                batch = []
            batch.append(view)
        if batch:
            yield batch

    def _run(self, views: Sequence[Tensor]) -> list[Candidates]:
        """Search views (3, h, w) of one size, in 0..255."""
        device = next(self.network.parameters()).device
        _, height, width = views[0].shape
        images = torch.stack(list(views)).to(device).float().div_(255)
        images = F.pad(images, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
        return decode(self.network(images.contiguous(memory_format=torch.channels_last)), self._least)

    def _look_again(self, levels: list[Level], places: Candidates) -> Candidates:
        found = [nothing()]
        to_look = _canonical(places)
        count = max(1, self.batch_pixels // _LOOK**2)
        for start in range(0, len(places), count):
            chosen = list(range(start, min(start + count, len(places))))
            views = [_look(levels, to_look[i]) for i in chosen]
            for i, candidates in zip(chosen, self._run(views), strict=True):
                expected = places.select(torch.tensor([i])).mapped(to_look[i])
                best = _same_face(candidates, expected)
                best = replace(best, scores=(best.scores * expected.scores).sqrt())
                found.append(best.mapped(geometry.invert(to_look[i][None])[0]))
        faces = join(found)
        return faces.select(faces.scores >= self.threshold)


def _canonical(places: Candidates) -> Tensor:
    """Return similarities (K, 2, 3) from photo pixels to the second look: upright, centred, at a good size."""
    turn = geometry.similarity(places.landmarks, _UPRIGHT)[:, :, :2]
    turn = turn / turn[:, 0].norm(dim=1)[:, None, None]
    scale = (_LOOK_FACE / places.extents.max(1).values).clamp(max=_ENLARGE)
    linear = turn * scale[:, None, None]
    shift = (_LOOK - 1) / 2 - torch.einsum("nij,nj->ni", linear, places.centres)
    return torch.cat([linear, shift[:, :, None]], 2)


def _look(levels: list[Level], to_look: Tensor) -> Tensor:
    """Sample the window of one second look, float (3, _LOOK, _LOOK) in 0..255, from the smallest level that will do."""
    scale = float(geometry.scale_of(to_look[None]))
    level = next((one for one in reversed(levels) if float(one.to_photo[0, 0]) * scale <= 1.01), levels[0])
    to_output = geometry.compose(to_look[None], level.to_photo[None])
    corners = torch.tensor([[[0.0, 0], [_LOOK, 0], [0, _LOOK], [_LOOK, _LOOK]]])
    sources = geometry.apply(geometry.invert(to_output), corners)[0]
    _, height, width = level.pixels.shape
    left, top = (int(v) for v in (sources.amin(0) - 2).clamp(min=0))
    right, bottom = (int(v) for v in (sources.amax(0) + 3))
    left, top = min(left, width - 1), min(top, height - 1)
    patch = level.pixels[:, top : max(bottom, top + 1), left : max(right, left + 1)]
    shift = torch.tensor([[[1.0, 0, left], [0, 1, top]]])
    return geometry.warp(patch[None].float(), geometry.compose(to_output, shift), _LOOK)[0]


def _same_face(candidates: Candidates, expected: Candidates) -> Candidates:
    """Return the best candidate if its centre is in the middle of what was expected, and of like size."""
    reach = expected.extents.amax() / 4
    near = (candidates.centres - expected.centres).norm(dim=1) < reach
    ratio = candidates.extents.amax(1) / expected.extents.amax()
    near &= (ratio > 0.6) & (ratio < 1.6)
    chosen = candidates.select(near)
    return chosen.select(chosen.scores.argsort(descending=True, stable=True)[:1])

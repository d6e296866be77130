"""SCRFD as an engine would run it: the photo shrunk or enlarged into a square of 640 pixels, one look."""

import torch
import torch.nn.functional as F
from torchvision.ops import nms

from cloak.models import artifact, load_network
from cloak.models.networks.scrfd import Scrfd, ScrfdPrediction
from cloak.photo import Face, check_image

SIDE = 640
"""Of the square that the photo is put into, in pixels."""

_OVERLAP = 0.4
"""Two boxes whose intersection over union is greater are the same face."""


class ScrfdFinder:
    """A detector that has no part in making cloaks.

    Args:
        device: where it computes.
        threshold: the least score of a face, in [0, 1].

    Raises:
        WeightsError: the weights cannot be had.

    Source: Guo et al. 2022, and the settings of InsightFace's own code.
    """

    name = "scrfd"
    weights = "scrfd_500m"

    def __init__(self, device: str | torch.device = "cpu", *, threshold: float = 0.5) -> None:
        self.key = artifact(self.weights).sha256[:16]
        self.threshold = threshold
        self._device = torch.device(device)
        self._network = load_network(self.weights, Scrfd, device=device)

    @torch.no_grad()  # not inference_mode: landmarks go into graphs later
    def find(self, pixels: torch.Tensor) -> list[Face]:
        """Find the faces in uint8 (3, H, W), largest first.

        Raises:
            ShapeError: pixels is something else.
        """
        check_image(pixels, channels=3)
        square, scale = _letterbox(pixels.to(self._device))
        rows = torch.cat([_rows(prediction) for prediction in self._network(square)]).cpu()
        rows = rows[rows[:, 0] >= self.threshold]
        rows[:, 1:] = (rows[:, 1:] + 0.5) / scale - 0.5
        kept = rows[nms(rows[:, 1:5], rows[:, 0], _OVERLAP)]
        return sorted((_face(row) for row in kept), key=lambda face: -face.size)


def _letterbox(pixels: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return (1, 3, SIDE, SIDE) in [0, 1] with the photo in its upper left corner, and by how much it was enlarged."""
    scale = SIDE / max(pixels.shape[1:])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[1:])
    resized = F.interpolate(pixels[None].float() / 255, (height, width), mode="bilinear", antialias=True)
    return F.pad(resized, (0, SIDE - width, 0, SIDE - height)), scale


def _rows(prediction: ScrfdPrediction) -> torch.Tensor:
    """Return score, box and landmarks (K, 15) of every anchor, in the pixels of the square."""
    stride, score, bbox, kps = prediction
    y, x = (torch.arange(side, device=score.device) for side in score.shape[2:])
    cells = torch.stack(torch.meshgrid(x, y, indexing="xy"))  # (2, h, w)
    boxes = torch.cat([cells - bbox[0, :, :2], cells + bbox[0, :, 2:]], 1)
    landmarks = cells.repeat(5, 1, 1) + kps[0]
    return torch.cat([score[0, :, None], boxes * stride, landmarks * stride], 1).movedim(1, -1).flatten(0, 2)


def _face(row: torch.Tensor) -> Face:
    left, top, right, bottom = row[1:5].tolist()
    return Face(box=(left, top, right, bottom), landmarks=row[5:].reshape(5, 2).clone(), score=float(row[0]))

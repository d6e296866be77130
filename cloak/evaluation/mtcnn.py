"""MTCNN as facenet-pytorch runs it: proposals at every scale, refined, refined again with landmarks.

Boxes in this file are float (K, 4) as in the original: the first and the last column and row, counted from one.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import nms

from cloak.models import artifact, load_network
from cloak.models.networks.mtcnn import OutputNet, ProposalNet, RefineNet, Windows
from cloak.photo import Face, check_image

MIN_FACE = 20
"""The smallest face that is looked for, pixels."""

THRESHOLDS = (0.6, 0.7, 0.7)
"""The least score in each of the three stages."""

_SHRINK = 0.709  # from one scale to the next
_TOGETHER = 512  # windows that a network sees at once
_WEIGHTS = ("mtcnn_p", "mtcnn_r", "mtcnn_o")


class MtcnnFinder:
    """A detector that has no part in making cloaks.

    Its landmarks lie about a pixel right of and below those of other detectors (`tests/benchmarks/detectors.json`), as
    the original's do: who aligns faces with it does not correct that.

    Args:
        device: where it computes.

    Raises:
        WeightsError: the weights cannot be had.

    Source: Zhang et al. 2016, and the settings and the rounding of facenet-pytorch 2.6.0.
    """

    name = "mtcnn"

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.key = "".join(artifact(name).sha256[:6] for name in _WEIGHTS)
        self._device = torch.device(device)
        self._propose = load_network(_WEIGHTS[0], ProposalNet, device=device)
        self._refine = load_network(_WEIGHTS[1], RefineNet, device=device)
        self._output = load_network(_WEIGHTS[2], OutputNet, device=device)

    @torch.no_grad()  # not inference_mode: landmarks go into graphs later
    def find(self, pixels: Tensor) -> list[Face]:
        """Find the faces in uint8 (3, H, W), largest first.

        Raises:
            ShapeError: pixels is something else.
        """
        check_image(pixels, channels=3)
        image = pixels.to(self._device).float()[None] / 255
        boxes = self._refined(image, self._proposals(image))
        boxes, windows = _look(self._output, image, boxes, THRESHOLDS[2])
        landmarks = _landmarks(boxes, windows)
        boxes = _moved(boxes, windows.offset, 1.0)
        faces = [
            _face(boxes[i].tolist(), landmarks[i].clone(), float(windows.score[i]))
            for i in _distinct(boxes, windows.score)
        ]
        return sorted(faces, key=lambda face: -face.size)

    def _proposals(self, image: Tensor) -> Tensor:
        """Return what may be faces, as squares (K, 4)."""
        boxes, scores, offsets = [], [], []
        for scale in _scales(*image.shape[2:]):
            size = [int(side * scale + 1) for side in image.shape[2:]]
            seen = self._propose(F.interpolate(image, size, mode="area"))
            row, column = (seen.score[0] >= THRESHOLDS[0]).nonzero(as_tuple=True)
            corner = torch.stack([column, row], 1) * ProposalNet.stride
            at = torch.cat([((corner + 1) / scale).floor(), ((corner + ProposalNet.side) / scale).floor()], 1).cpu()
            score = seen.score[0, row, column].cpu()
            kept = nms(at, score, 0.5)
            boxes.append(at[kept])
            scores.append(score[kept])
            offsets.append(seen.offset[0, :, row, column].T.cpu()[kept])
        if not boxes:
            return torch.zeros(0, 4)
        at = torch.cat(boxes)
        kept = nms(at, torch.cat(scores), 0.7)
        return _squares(_moved(at[kept], torch.cat(offsets)[kept], 0.0))

    def _refined(self, image: Tensor, boxes: Tensor) -> Tensor:
        """Return the proposals that hold up, better placed, as squares (K, 4)."""
        boxes, windows = _look(self._refine, image, boxes, THRESHOLDS[1])
        kept = nms(boxes, windows.score, 0.7)
        return _squares(_moved(boxes[kept], windows.offset[kept], 1.0))


def _scales(height: int, width: int) -> Iterator[float]:
    """Yield by how much the photo is shrunk, largest first: the smallest face has the window's size in the first."""
    scale = ProposalNet.side / MIN_FACE
    while min(height, width) * scale >= ProposalNet.side:
        yield scale
        scale *= _SHRINK


def _look(network: RefineNet | OutputNet, image: Tensor, boxes: Tensor, least: float) -> tuple[Tensor, Windows]:
    """Show a network the inside of boxes (K, 4); return those that reach a score, and what it says, on the CPU."""
    _, _, height, width = image.shape
    first = (boxes[:, :2].trunc().clamp(min=1) - 1).int()
    last = torch.minimum(boxes[:, 2:].trunc(), torch.tensor([width, height])).int()
    inside = (last > first).all(1)
    boxes, spans = boxes[inside], torch.cat([first, last], 1)[inside].tolist()
    views = [
        F.interpolate(image[:, :, top:bottom, left:right], (network.side, network.side), mode="area")
        for left, top, right, bottom in spans
    ]
    views.append(image.new_zeros(1, 3, network.side, network.side))  # so that there is one; its answer is left out
    seen = [network(chunk) for chunk in torch.split(torch.cat(views), _TOGETHER)]
    fields = [torch.cat(parts)[:-1].cpu() for parts in zip(*seen, strict=True) if parts[0] is not None]
    passed = fields[0] > least
    return boxes[passed], Windows(*(field[passed] for field in fields))


def _landmarks(boxes: Tensor, windows: Windows) -> Tensor:
    """Return landmarks (K, 5, 2), in pixels of the photo counted from zero."""
    if windows.landmarks is None:
        raise TypeError("only OutputNet sees landmarks")
    sides = boxes[:, None, 2:] - boxes[:, None, :2] + 1
    return boxes[:, None, :2] - 1 + windows.landmarks * sides


def _moved(boxes: Tensor, offsets: Tensor, extra: float) -> Tensor:
    """Move the edges of boxes (K, 4) by offsets in sides; all stages but the first count the last pixel (`extra`)."""
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    return boxes + offsets * sides.repeat(1, 2)


def _squares(boxes: Tensor) -> Tensor:
    """Return the squares around the middles of boxes (K, 4) that have their longer sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.amax(1, keepdim=True)
    corner = boxes[:, :2] + sides / 2 - longer / 2
    return torch.cat([corner, corner + longer], 1)


def _distinct(boxes: Tensor, scores: Tensor) -> list[int]:
    """Return the best first, without those that share over 0.7 of the smaller box with a better one."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    kept: list[int] = []
    for i in scores.argsort(descending=True).tolist():
        shared = torch.minimum(boxes[kept, 2:], boxes[i, 2:]) - torch.maximum(boxes[kept, :2], boxes[i, :2]) + 1
        smaller = torch.minimum(sides[kept].prod(1), sides[i].prod())
        if not (shared.clamp(min=0).prod(1) > 0.7 * smaller).any():
            kept.append(i)
    return kept


def _face(box: list[float], landmarks: Tensor, score: float) -> Face:
    left, top, right, bottom = box
    return Face(box=(left - 1, top - 1, right, bottom), landmarks=landmarks, score=score)

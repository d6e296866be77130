"""Boxes and landmarks out of what the network says about windows, and the choice among boxes that overlap."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cloak.faces import geometry
from cloak.models.networks.yunet import Prediction


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places that may be faces, in the pixels of whatever was searched.

    Attributes:
        scores: float32 (K,), in [0, 1].
        centres: float32 (K, 2).
        extents: float32 (K, 2), width and height along the face's own axes.
        turns: float32 (K, 2), cosine and sine of the turn of those axes.
        landmarks: float32 (K, 5, 2), image order.
    """

    scores: Tensor
    centres: Tensor
    extents: Tensor
    turns: Tensor
    landmarks: Tensor

    def __len__(self) -> int:
        return self.scores.shape[0]

    def boxes(self) -> Tensor:
        """Return the upright boxes (K, 4) of the ellipses in the turned boxes, which is where a face is."""
        half = (self.extents[:, None] * torch.stack([self.turns, self.turns.flip(1)], 1) / 2).norm(dim=2)
        return torch.cat([self.centres - half, self.centres + half], 1)

    def select(self, index: Tensor) -> "Candidates":
        """Return some of the candidates, by mask or position."""
        return self._each(lambda tensor: tensor[index])

    def cpu(self) -> "Candidates":
        """Return them on the CPU."""
        return self._each(Tensor.cpu)

    def mapped(self, matrix: Tensor) -> "Candidates":
        """Take the candidates through a similarity (2, 3)."""
        scale = geometry.scale_of(matrix[None])
        linear = matrix[:, :2]
        return Candidates(
            self.scores,
            geometry.apply(matrix[None], self.centres[None])[0],
            self.extents * scale,
            self.turns @ linear.T / scale,
            geometry.apply(matrix[None], self.landmarks.reshape(1, -1, 2)).reshape(-1, 5, 2),
        )

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the fields in order."""
        return (self.scores, self.centres, self.extents, self.turns, self.landmarks)

    def _each(self, function: Callable[[Tensor], Tensor]) -> "Candidates":
        return Candidates(*map(function, self.tensors()))


def nothing() -> Candidates:
    """Return no candidates."""
    return Candidates(torch.zeros(0), torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0, 5, 2))


def join(parts: Sequence[Candidates]) -> Candidates:
    """Put candidates in the same coordinates together."""
    return Candidates(*(torch.cat(same) for same in zip(*(part.tensors() for part in parts), strict=True)))


def decode(predictions: Sequence[Prediction], threshold: float) -> list[Candidates]:
    """Read the predictions for a batch of windows.

    Args:
        predictions: of `YuNet`, one for each stride.
        threshold: the least score, in [0, 1].

    Returns:
        For each window the candidates that reach the threshold, on the CPU.
    """
    windows = len(predictions[0].cls)
    parts = [_decode_stride(prediction, threshold) for prediction in predictions]
    joined = join([candidates for _, candidates in parts])
    owner = torch.cat([index for index, _ in parts])
    return [joined.select(owner == window) for window in range(windows)]


def _decode_stride(prediction: Prediction, threshold: float) -> tuple[Tensor, Candidates]:
    """Source: the post-processing of OpenCV's FaceDetectorYN; its points lie half a pixel right of and below ours."""
    scores = (prediction.cls * prediction.obj).sqrt()
    window, row, column = (scores >= threshold).nonzero(as_tuple=True)
    cells = torch.stack([column, row], 1).float()
    bbox = prediction.bbox[window, :, row, column].float()
    kps = prediction.kps[window, :, row, column].float().reshape(-1, 5, 2)
    candidates = Candidates(
        scores[window, row, column].float(),
        (bbox[:, :2] + cells) * prediction.stride - 0.5,
        bbox[:, 2:].clamp(-8, 8).exp() * prediction.stride,
        torch.tensor([1.0, 0.0], device=cells.device).expand(len(cells), 2),
        (kps + cells[:, None]) * prediction.stride - 0.5,
    )
    return window.cpu(), candidates.cpu()


def suppress(candidates: Candidates, overlap: float, *, inside: float = math.inf) -> Candidates:
    """Keep the best of the candidates that are the same face, best first.

    Args:
        candidates: in one frame.
        overlap: two boxes whose intersection over union is greater are the same face.
        inside: so is one of whose area more than this lies in a better one: parts of a large face look like faces. Not
            the other way round: somebody farther away, or a badge, may lie before a face that is found less surely.
    """
    best_first = candidates.select(candidates.scores.argsort(descending=True, stable=True))
    distinct = _thinned(best_first, lambda shared, one, other: shared > overlap * (one + other - shared))
    return _thinned(distinct, lambda shared, _, own: shared > inside * own)


def _thinned(candidates: Candidates, same: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Candidates:
    """Keep those that are not the same face as one kept before, going by the areas shared, of that one and their own.

    One row at a time: a crowd's square of pairs would not fit into memory. Not torchvision's: its import costs 170 MB.
    """
    boxes = candidates.boxes()
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    kept: list[int] = []
    for i, box in enumerate(boxes):
        better = boxes[kept]
        sides = torch.minimum(better[:, 2:], box[2:]) - torch.maximum(better[:, :2], box[:2])
        if not same(sides.clamp(min=0).prod(1), areas[kept], areas[i]).any():
            kept.append(i)
    return candidates.select(torch.tensor(kept, dtype=torch.int64))

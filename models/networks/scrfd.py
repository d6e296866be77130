"""SCRFD with landmarks, the 0.5 GFLOP variant: boxes and five landmarks at strides 8, 16 and 32, two anchors a cell.

For evaluation alone: cloaks are made with another detector, and its licence is non-commercial.

Source: Guo et al. 2022, "Sample and Computation Redistribution for Efficient Face Detection"; the layers are those of
``scrfd_500m_bnkps.onnx`` from InsightFace.
"""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.errors import ShapeError, WeightsError
from cloak.models.readers.onnx import read_initialisers, read_nodes

STRIDES = (8, 16, 32)
MULTIPLE = 32  # of the height and width of the input
ANCHORS = 2

_NECK = 16  # channels
_HEAD = 64


class ScrfdPrediction(NamedTuple):
    """What SCRFD says at one stride, for both anchors of each cell.

    Attributes:
        stride: pixels from one cell to the next.
        score: float32 (N, 2, H / stride, W / stride), probability in [0, 1] that the box holds a face.
        bbox: float32 (N, 2, 4, H / stride, W / stride): from the cell to the left, top, right and bottom, in cells.
        kps: float32 (N, 2, 10, H / stride, W / stride): x and y of five landmarks from the cell, in cells.
    """

    stride: int
    score: Tensor
    bbox: Tensor
    kps: Tensor


class Scrfd(nn.Module):
    """The network alone: see `cloak.evaluation.scrfd` for faces in photos of any size.

    Its layers are defined in the order in which the original runs them, which is how `convert` finds their weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.fine = nn.Sequential(
            _Separable(16, 16), _Separable(16, 40, stride=2), _Separable(40, 40),
            _Separable(40, 72, stride=2), _Separable(72, 72), _Separable(72, 72),
        )  # fmt: skip
        self.middle = nn.Sequential(_Separable(72, 152, stride=2), _Separable(152, 152))
        self.coarse = nn.Sequential(_Separable(152, 288, stride=2), *(_Separable(288, 288) for _ in range(5)))
        self.neck = _Neck((72, 152, 288))
        self.heads = nn.ModuleList(_Head() for _ in STRIDES)

    def forward(self, images: Tensor) -> tuple[ScrfdPrediction, ...]:
        """Look for faces around every cell of three grids.

        Args:
            images: float (N, 3, H, W), RGB in [0, 1]; H and W multiples of 32.

        Returns:
            One prediction for each of the strides 8, 16 and 32.

        Raises:
            ShapeError: images is not (N, 3, H, W) with H and W multiples of 32.
        """
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % MULTIPLE or images.shape[3] % MULTIPLE:
            raise ShapeError(
                f"SCRFD takes (N, 3, H, W) with H and W multiples of 32, got {tuple(images.shape)}: pad it"
            )
        fine = self.fine(self.stem((images * 255 - 127.5) / 128))
        middle = self.middle(fine)
        levels = self.neck(fine, middle, self.coarse(middle))
        return tuple(head(stride, features) for stride, head, features in zip(STRIDES, self.heads, levels, strict=True))


class _Separable(nn.Sequential):
    """Depthwise 3x3, then pointwise convolution; the batch norms behind both are folded in."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(inputs, outputs, 1),
            nn.ReLU(inplace=True),
        )


class _Neck(nn.Module):
    """A path aggregation network: coarse features are added to finer ones, and those to coarser ones again."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, _NECK, 1) for width in widths)
        self.down_path = nn.ModuleList(_conv(_NECK, _NECK) for _ in widths)
        self.shrink = nn.ModuleList(_conv(_NECK, _NECK, stride=2) for _ in widths[1:])
        self.up_path = nn.ModuleList(_conv(_NECK, _NECK) for _ in widths[1:])

    def forward(self, *features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mix features of three strides, fine to coarse."""
        fine, middle, coarse = (layer(feature) for layer, feature in zip(self.lateral, features, strict=True))
        middle = middle + F.interpolate(coarse, scale_factor=2.0)
        fine = fine + F.interpolate(middle, scale_factor=2.0)
        fine, middle, coarse = (layer(x) for layer, x in zip(self.down_path, (fine, middle, coarse), strict=True))
        middle = middle + self.shrink[0](fine)
        coarse = coarse + self.shrink[1](middle)
        return fine, self.up_path[0](middle), self.up_path[1](coarse)


class _Head(nn.Module):
    """What is predicted at one stride."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_Separable(_NECK, _HEAD), _Separable(_HEAD, _HEAD))
        self.score = _conv(_HEAD, ANCHORS)
        self.bbox = _conv(_HEAD, ANCHORS * 4)
        self.kps = _conv(_HEAD, ANCHORS * 10)

    def forward(self, stride: int, features: Tensor) -> ScrfdPrediction:
        """Predict from the features of one stride."""
        x = self.stem(features)
        bbox, kps = (layer(x).unflatten(1, (ANCHORS, -1)) for layer in (self.bbox, self.kps))
        return ScrfdPrediction(stride, self.score(x).sigmoid(), bbox, kps)


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


def convert(path: Path) -> dict[str, Tensor]:
    """Read the weights of `Scrfd` from the ONNX file.

    Args:
        path: ``scrfd_500m_bnkps.onnx``.

    Returns:
        The state dict of `Scrfd`.

    Raises:
        WeightsError: the file has other layers.
    """
    arrays = read_initialisers(path)
    theirs = [node.inputs for node in read_nodes(path) if node.op_type == "Conv"]
    with torch.device("meta"):
        ours = [name for name, module in Scrfd().named_modules() if isinstance(module, nn.Conv2d)]
    if len(ours) != len(theirs):
        raise WeightsError(f"{path} has {len(theirs)} convolutions, SCRFD-500M has {len(ours)}: it is another network")
    state: dict[str, Tensor] = {}
    for name, (_, weight, bias) in zip(ours, theirs, strict=True):
        state |= {f"{name}.weight": arrays[weight], f"{name}.bias": arrays[bias]}
    return {name: tensor.float().contiguous() for name, tensor in state.items()}

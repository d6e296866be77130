"""YuNet, a face detector of 53,000 parameters: boxes and five landmarks at strides 8, 16 and 32.

Source: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023; the layers
are those of ``face_detection_yunet_2023mar.onnx`` from the OpenCV Zoo (MIT).
"""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.errors import ShapeError
from cloak.models.readers.onnx import read_initialisers

STRIDES = (8, 16, 32)
MULTIPLE = 32  # of the height and width of the input

_HEADS = ("cls", "obj", "bbox", "kps")  # 1, 1, 4 and 10 channels


class Prediction(NamedTuple):
    """What YuNet says at one stride, row by row over its grid of cells.

    Attributes:
        stride: pixels from one cell to the next.
        cls: float32 (N, H / stride, W / stride), probability in [0, 1] that the box holds a face.
        obj: float32, same shape, predicted overlap of the box with a face, in [0, 1].
        bbox: float32 (N, 4, H / stride, W / stride): offset of the centre from the cell in cells, log size in cells.
        kps: float32 (N, 10, H / stride, W / stride): x and y of five landmarks from the cell, in cells.
    """

    stride: int
    cls: Tensor
    obj: Tensor
    bbox: Tensor
    kps: Tensor


class YuNet(nn.Module):
    """The network alone: see `cloak.faces.Detector` for faces in photos of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(inplace=True), _Separable(16, 16))
        widths = ((16, 32), (32, 64), (64, 64), (64, 64), (64, 64))
        self.stages = nn.ModuleList(nn.Sequential(_Separable(a, a), _Separable(a, b)) for a, b in widths)
        self.laterals = nn.ModuleList(_Separable(64, 64) for _ in STRIDES)
        self.heads = nn.ModuleList(_Separable(64, 16, activate=False) for _ in STRIDES)

    def forward(self, images: Tensor) -> tuple[Prediction, ...]:
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
                f"YuNet takes (N, 3, H, W) with H and W multiples of 32, got {tuple(images.shape)}: pad it"
            )
        first, second, third, fourth, fifth = self.stages
        x = second(first(F.max_pool2d(self.stem(images), 2)))
        fine = third(F.max_pool2d(x, 2))
        middle = fourth(F.max_pool2d(fine, 2))
        coarse = self.laterals[2](fifth(F.max_pool2d(middle, 2)))
        middle = self.laterals[1](middle + F.interpolate(coarse, scale_factor=2.0))
        fine = self.laterals[0](fine + F.interpolate(middle, scale_factor=2.0))
        features = zip(STRIDES, self.heads, (fine, middle, coarse), strict=True)
        return tuple(_prediction(stride, head(feature)) for stride, head, feature in features)


class _Separable(nn.Sequential):
    """Pointwise, then depthwise 3x3 convolution; the batch norm behind them is folded into the second."""

    def __init__(self, inputs: int, outputs: int, *, activate: bool = True) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 1), nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs))
        if activate:
            self.append(nn.ReLU(inplace=True))


def _prediction(stride: int, raw: Tensor) -> Prediction:
    return Prediction(stride, raw[:, 0].sigmoid(), raw[:, 1].sigmoid(), raw[:, 2:6], raw[:, 6:])


def convert(path: Path) -> dict[str, Tensor]:
    """Read the weights of `YuNet` from the ONNX file.

    The file's network takes BGR in 0..255 and has four heads at each stride. Its first layer's weights are turned to
    RGB in [0, 1] (exact: there is no offset), and the heads are joined to one of 16 channels.

    Args:
        path: ``face_detection_yunet_2023mar.onnx``.

    Returns:
        The state dict of `YuNet`.
    """
    arrays = {name: torch.as_tensor(array) for name, array in read_initialisers(path).items()}
    # Where the export folded a batch norm, it named the tensors by numbers: weight and bias of the stem, then of the
    # depthwise layers in the order in which they run.
    weights = sorted(int(name) for name, array in arrays.items() if name.isdigit() and array.ndim == 4)
    folded = [(arrays[str(number)], arrays[str(number + 1)]) for number in weights]
    stem_weight, stem_bias = folded.pop(0)
    state = {"stem.0.weight": stem_weight.flip(1) * 255.0, "stem.0.bias": stem_bias}
    blocks = [("stem.2", "backbone.model0.conv2")]
    blocks += [(f"stages.{i}.{j}", f"backbone.model{i + 1}.conv{j + 1}") for i in range(5) for j in range(2)]
    blocks += [(f"laterals.{i}", f"neck.lateral_convs.{i}") for i in (2, 1, 0)]
    for (ours, theirs), (weight, bias) in zip(blocks, folded, strict=True):
        state |= {f"{ours}.0.{kind}": arrays[f"{theirs}.conv1.{kind}"] for kind in ("weight", "bias")}
        state |= {f"{ours}.1.weight": weight, f"{ours}.1.bias": bias}
    for i in range(len(STRIDES)):
        for layer in (0, 1):
            for kind in ("weight", "bias"):
                parts = [arrays[f"bbox_head.multi_level_{head}.{i}.conv{layer + 1}.{kind}"] for head in _HEADS]
                state[f"heads.{i}.{layer}.{kind}"] = torch.cat(parts)
    return {name: tensor.float().contiguous() for name, tensor in state.items()}

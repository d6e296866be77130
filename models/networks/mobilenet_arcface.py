"""MobileNet for faces, trained on MS1M-ArcFace: the widths of `sface`, ReLU6, and an average at the end.

Source: Howard et al. 2017, "MobileNets"; weights `mobilenet_fp32.tflite` of Kutay Yildiz' facelib, which names the data
but not the loss; its example of training uses ArcFace.
"""

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.errors import WeightsError
from cloak.models.networks.mobilefacenet import Pointwise, fold_before
from cloak.models.networks.sface import PAIRS, STEM
from cloak.models.readers.tflite import Graph, Operator, read_graph

_CONVOLUTIONS = ("CONV_2D", *("DEPTHWISE_CONV_2D", "CONV_2D") * len(PAIRS))
_WEIGHTED = {*_CONVOLUTIONS, "FULLY_CONNECTED"}
_KINDS = ("SUB", "MUL", *_CONVOLUTIONS, "MEAN", "MUL", "ADD", "FULLY_CONNECTED")


class _Convolution(nn.Conv2d):
    """3x3 convolution with Keras' padding: zeros on all sides, but at stride 2 only at the right and the bottom."""

    def __init__(self, channels: int, width: int, stride: int, groups: int = 1) -> None:
        super().__init__(channels, width, 3, stride, padding=2 - stride, groups=groups)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, width, H // stride, W // stride)."""
        return super().forward(features if self.padding[0] else F.pad(features, (0, 1, 0, 1)))


class MobileNet(nn.Module):
    """MobileNet: 112 px faces to 128 numbers."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_Convolution(3, STEM, 2), nn.ReLU6()]
        channels = STEM
        for width, stride in PAIRS:
            blocks += [_Convolution(channels, channels, stride, channels), nn.ReLU6()]
            blocks += [Pointwise(channels, width), nn.ReLU6()]
            channels = width
        self.trunk = nn.Sequential(*blocks)
        self.linear = nn.Linear(channels, 128)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 112, 112), RGB in [0, 1].

        Returns:
            float32 (N, 128), not normalised.
        """
        centred = (faces - 0.5).contiguous(memory_format=torch.channels_last)
        out: Tensor = self.linear(self.trunk(centred).mean((2, 3)))
        return out


def convert(path: Path) -> dict[str, Tensor]:
    """Read `mobilenet_fp32.tflite` into the state dict of `MobileNet`.

    The batch norms of the convolutions came folded; the one before the linear layer is folded here.

    Args:
        path: the TensorFlow Lite file.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.

    Raises:
        WeightsError: the file is damaged, or computes something else.
    """
    graph = read_graph(path)
    operators = _chain(path, graph.operators)
    _, scaling, *convolutions, _, scale, shift, linear = (_constants(path, graph, each) for each in operators)
    state: dict[str, Tensor] = {}
    with torch.device("meta"):
        blank = MobileNet()
    layers = [name for name, module in blank.named_modules() if isinstance(module, nn.Conv2d)]
    for name, kind, (weight, bias) in zip(layers, _CONVOLUTIONS, convolutions, strict=True):
        # TensorFlow Lite has (width, height and width of the kernel, channels), or (1, ..., channels) if depthwise.
        state[f"{name}.weight"] = weight.permute(0, 3, 1, 2) if kind == "CONV_2D" else weight.permute(3, 0, 1, 2)
        state[f"{name}.bias"] = bias
    # The graph works on (x - 127.5) / 128 of 0..255, `forward` on x - 0.5 of 0..1.
    state["trunk.0.weight"] = state["trunk.0.weight"] * (255 * scaling[0].item())
    weight, bias = fold_before(*linear, *scale, *shift)
    state |= {"linear.weight": weight.float(), "linear.bias": bias.float()}
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _chain(path: Path, operators: tuple[Operator, ...]) -> list[Operator]:
    """Return the operators without the padding, once each is seen to read what the one before it wrote."""
    linked = all(before.outputs[:1] == after.inputs[:1] for before, after in pairwise(operators))
    found = [operator for operator in operators if operator.kind != "PAD"]
    if not linked or tuple(operator.kind for operator in found) != _KINDS:
        raise WeightsError(f"{path} does not compute a MobileNet: it is not facelib's")
    return found


def _constants(path: Path, graph: Graph, operator: Operator) -> list[Tensor]:
    """Return what an operator reads beside the features: a weight and a bias, or one tensor."""
    found = [graph.constants[name] for name in operator.inputs[1:] if name in graph.constants]
    wanted = 2 if operator.kind in _WEIGHTED else 1
    if len(found) != wanted:
        raise WeightsError(f"{path} lacks numbers of a {operator.kind}: it is not facelib's MobileNet")
    return found

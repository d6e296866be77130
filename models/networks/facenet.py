"""FaceNet: Inception-ResNet-v1, trained on VGGFace2.

Source: Szegedy et al. 2017, "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning";
Schroff et al. 2015, "FaceNet"; weights `graph_final.pb`, a frozen graph in the naming of David Sandberg's `facenet`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.errors import WeightsError
from cloak.models.networks.mobilefacenet import fold_norm
from cloak.models.readers.frozen_graph import read_constants

Kernel: TypeAlias = tuple[int, int]

_ROOT = "InceptionResnetV1"
_NORM_EPS = 1e-3
_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "Conv2d_4b_3x3")
# Name in the graph, number of blocks, channels, width of a branch, and the kernels of each branch behind its first 1x1.
_STAGES: tuple[tuple[str, int, int, int, tuple[tuple[Kernel, ...], ...]], ...] = (
    ("Repeat/block35_{}", 5, 256, 32, ((), ((3, 3),), ((3, 3), (3, 3)))),
    ("Repeat_1/block17_{}", 10, 896, 128, ((), ((1, 7), (7, 1)))),
    ("Repeat_2/block8_{}", 5, 1792, 192, ((), ((1, 3), (3, 1)))),
)
_HALVINGS = (
    ("Mixed_6a", (("1a_3x3",), ("0a_1x1", "0b_3x3", "1a_3x3"))),
    ("Mixed_7a", (("0a_1x1", "1a_3x3"), ("0a_1x1", "1a_3x3"), ("0a_1x1", "0b_3x3", "1a_3x3"))),
)


class FaceNet(nn.Module):
    """FaceNet: 160 px faces to 512 numbers, or as many as `dim`."""

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(3, 32, (3, 3), stride=2, pad=False),
            _convolution(32, 32, (3, 3), pad=False),
            _convolution(32, 64, (3, 3)),
            nn.MaxPool2d(3, 2),
            _convolution(64, 80, (1, 1)),
            _convolution(80, 192, (3, 3), pad=False),
            _convolution(192, 256, (3, 3), stride=2, pad=False),
        )
        stages = [
            nn.Sequential(*(_Residual(channels, width, branches) for _ in range(count)))
            for _, count, channels, width, branches in _STAGES
        ]
        stages[-1].append(_Residual(1792, 192, _STAGES[-1][-1], activate=False))
        self.stages = nn.ModuleList(stages)
        self.halvings = nn.ModuleList(
            [
                _Halving([[_halve(256, 384)], [*_pair(256, 192, 192), _halve(192, 256)]]),
                _Halving(
                    [
                        [_convolution(896, 256, (1, 1)), _halve(256, 384)],
                        [_convolution(896, 256, (1, 1)), _halve(256, 256)],
                        [*_pair(896, 256, 256), _halve(256, 256)],
                    ]
                ),
            ]
        )
        self.linear = nn.Linear(1792, dim)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 160, 160), RGB in [0, 1].

        Returns:
            float32 (N, dim), not normalised.
        """
        features = self.stages[0](self.stem(faces))
        for halve, stage in zip(self.halvings, self.stages[1:], strict=True):
            features = stage(halve(features))
        out: Tensor = self.linear(features.mean((2, 3)))
        return out


class _Residual(nn.Module):
    """Inception block with a shortcut: (N, C, H, W) -> the same shape.

    The 1x1 convolutions that the branches start with read the same maps and run as one.
    """

    def __init__(
        self, channels: int, width: int, branches: Sequence[Sequence[Kernel]], *, activate: bool = True
    ) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, width * len(branches), 1)
        self.branches = nn.ModuleList(
            nn.Sequential(*(_convolution(width, width, kernel) for kernel in kernels)) for kernels in branches
        )
        self.expand = nn.Conv2d(width * len(branches), channels, 1)
        self.activate = activate

    def forward(self, features: Tensor) -> Tensor:
        parts = F.relu(self.reduce(features)).chunk(len(self.branches), 1)
        joined = torch.cat([branch(part) for branch, part in zip(self.branches, parts, strict=True)], 1)
        out: Tensor = features + self.expand(joined)
        return F.relu(out) if self.activate else out


class _Halving(nn.Module):
    """Branches that halve the map, with its pooled self beside them."""

    def __init__(self, branches: Sequence[Sequence[nn.Module]]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*branch) for branch in branches)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([*(branch(features) for branch in self.branches), F.max_pool2d(features, 3, 2)], 1)


def _convolution(channels: int, width: int, kernel: Kernel, *, stride: int = 1, pad: bool = True) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2) if pad else (0, 0)
    return nn.Sequential(nn.Conv2d(channels, width, kernel, stride, padding), nn.ReLU())


def _halve(channels: int, width: int) -> nn.Sequential:
    return _convolution(channels, width, (3, 3), stride=2, pad=False)


def _pair(channels: int, middle: int, width: int) -> tuple[nn.Sequential, nn.Sequential]:
    return _convolution(channels, middle, (1, 1)), _convolution(middle, width, (3, 3))


def convert(path: Path) -> dict[str, Tensor]:
    """Read `graph_final.pb` into the state dict of `FaceNet`.

    The batch norms came folded but for the last one, which is folded here; so are the factors of the residual branches,
    and the normalisation of the input (exactly, as the first convolution is not padded).

    Args:
        path: the frozen graph.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.

    Raises:
        WeightsError: a weight is not in the graph.
    """
    found = {name.removeprefix(f"{_ROOT}/"): value for name, value in read_constants(path).items()}
    try:
        state = dict(convolution_weights(partial(_weight_and_bias, found)))
        keys = {"weight": "Const", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
        norm = {ours: found[f"Bottleneck/BatchNorm/{theirs}"] for ours, theirs in keys.items()}
        linear = fold_norm(found["Bottleneck/weights"].t(), None, norm, _NORM_EPS)
    except KeyError as error:
        raise WeightsError(f"{path} holds no weight named {error}: this is another graph") from error
    state["linear.weight"], state["linear.bias"] = linear
    # The graph works on (x - 127.5) / 128 of 0..255, `forward` on 0..1.
    first = state["stem.0.0.weight"].double()
    state["stem.0.0.bias"] = (state["stem.0.0.bias"].double() - first.sum((1, 2, 3)) * (127.5 / 128)).float()
    state["stem.0.0.weight"] = (first * (255 / 128)).float()
    return {name: tensor.contiguous() for name, tensor in state.items()}


def convolution_weights(weight_and_bias: Callable[[str], tuple[Tensor, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Yield weights and biases of all convolutions under the names they have in `FaceNet`.

    Args:
        weight_and_bias: what is told the name of a convolution in the graph, such as
            ``Repeat/block35_1/Branch_1/Conv2d_0b_3x3``, and returns its weights (width, channels, height, width) and
            bias, with batch norms and the factors of the residual branches folded in.
    """
    for ours, theirs in _convolutions():
        parts = [weight_and_bias(name) for name in theirs]
        yield f"{ours}.weight", torch.cat([weight for weight, _ in parts])
        yield f"{ours}.bias", torch.cat([bias for _, bias in parts])


def _convolutions() -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each convolution in `FaceNet`, with the names of those in the graph that it joins."""
    for index, name in enumerate(_STEM):
        if name:
            yield f"stem.{index}.0", [name]
    for stage, (pattern, count, _, _, branches) in enumerate(_STAGES):
        blocks = [pattern.format(number) for number in range(1, count + 1)]
        if stage == len(_STAGES) - 1:
            blocks.append("Block8")
        for number, block in enumerate(blocks):
            ours = f"stages.{stage}.{number}"
            firsts = [
                f"{block}/Branch_{branch}/Conv2d_{'0a_' if kernels else ''}1x1"
                for branch, kernels in enumerate(branches)
            ]
            yield f"{ours}.reduce", firsts
            for branch, kernels in enumerate(branches):
                for position, (height, width) in enumerate(kernels):
                    letter = "bc"[position]
                    theirs = f"{block}/Branch_{branch}/Conv2d_0{letter}_{height}x{width}"
                    yield f"{ours}.branches.{branch}.{position}.0", [theirs]
            yield f"{ours}.expand", [f"{block}/Conv2d_1x1"]
    for index, (block, sequences) in enumerate(_HALVINGS):
        for branch, names in enumerate(sequences):
            for position, name in enumerate(names):
                yield f"halvings.{index}.branches.{branch}.{position}.0", [f"{block}/Branch_{branch}/Conv2d_{name}"]


def _weight_and_bias(found: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Return (width, channels, height, width) weights and the bias of a convolution of the graph."""
    weight = found[f"{name}/weights"].permute(3, 2, 0, 1)
    if f"{name}/Conv2D_bn_offset" in found:
        return weight, found[f"{name}/Conv2D_bn_offset"]
    factor = found[f"{name.removesuffix('/Conv2d_1x1')}/mul/x"]  # the branch is added to the shortcut with this factor
    return weight * factor, found[f"{name}/biases"] * factor

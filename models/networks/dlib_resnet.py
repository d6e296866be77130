"""The face recogniser of dlib: a residual network of 29 convolutions.

Source: King 2017, "High Quality Face Recognition with Deep Metric Learning"; He et al. 2016, "Deep Residual Learning
for Image Recognition"; weights `dlib_face_recognition_resnet_model_v1.dat`.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.errors import WeightsError
from cloak.models.readers.dlib_dat import Layer, read_layers

# Width of each residual block, and whether it halves the map.
_BLOCKS = (
    *[(32, False)] * 3,
    (64, True), *[(64, False)] * 3,
    (128, True), *[(128, False)] * 2,
    (256, True), *[(256, False)] * 2,
    (256, True),
)  # fmt: skip
_MEAN = (122.782, 117.001, 104.298)  # of red, green and blue in 0..255, taken off by dlib's input layer
_RANGE = 256.0  # which it then divides by


class DlibResNet(nn.Module):
    """dlib's ResNet-29: 150 px dlib chips to 128 numbers. Its own threshold is a Euclidean distance of 0.6."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        blocks: list[nn.Module] = []
        channels = 32
        for width, halve in _BLOCKS:
            blocks.append(_Halving(channels, width) if halve else _Residual(width))
            channels = width
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(channels, 128, bias=False)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 150, 150), RGB in [0, 1].

        Returns:
            float32 (N, 128), not normalised.
        """
        features = self.blocks(F.max_pool2d(F.relu(self.stem(faces)), 3, 2))
        out: Tensor = self.linear(features.mean((2, 3)))
        return out


class _Residual(nn.Module):
    """Two convolutions (their affine layers folded in) and a shortcut: (N, C, H, W) -> the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.second(F.relu(self.first(features))))


class _Halving(nn.Module):
    """Residual block that halves the map, with an averaging shortcut.

    The first convolution is not padded, so the branch can be smaller than the shortcut, and the shortcut has fewer
    channels; either is extended with zeros.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride=2)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        shortcut = F.avg_pool2d(features, 2)
        branch = self.second(F.relu(self.first(features)))
        lower, right = shortcut.shape[2] - branch.shape[2], shortcut.shape[3] - branch.shape[3]
        extra = branch.shape[1] - shortcut.shape[1]
        return F.relu(F.pad(branch, (0, right, 0, lower)) + F.pad(shortcut, (0, 0, 0, 0, 0, extra)))


def convert(path: Path) -> dict[str, Tensor]:
    """Read `dlib_face_recognition_resnet_model_v1.dat` into the state dict of `DlibResNet`.

    The affine layers are folded into the convolutions before them, and the normalisation of the input into the first
    one (exactly, as that is not padded).

    Args:
        path: the .dat file.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.

    Raises:
        WeightsError: the file holds another network.
    """
    with torch.device("meta"):
        blank = DlibResNet()
    layers = iter(read_layers(path))
    state: dict[str, Tensor] = {}
    for name, module in blank.named_modules():
        if isinstance(module, nn.Conv2d):
            weight, bias = _folded(module.weight.shape, layers)
            if name == "stem":
                mean = torch.tensor(_MEAN, dtype=torch.float64) / _RANGE
                bias = bias - (weight * mean.view(1, 3, 1, 1)).sum((1, 2, 3))
                weight = weight * (255 / _RANGE)
            state |= {f"{name}.weight": weight.float().contiguous(), f"{name}.bias": bias.float()}
    width, inputs = blank.linear.weight.shape
    state["linear.weight"] = _values(layers, "fc", inputs * width).view(inputs, width).t().contiguous()
    return state


def _folded(shape: torch.Size, layers: Iterator[Layer]) -> tuple[Tensor, Tensor]:
    """Take a convolution and its affine layer off `layers`: float64 weight and bias of one that does both."""
    width, size = shape[0], shape.numel()
    filters = _values(layers, "con", size + width).double()
    scale, shift = _values(layers, "affine", 2 * width).double().view(2, width)
    return filters[:size].view(shape) * scale.view(-1, 1, 1, 1), filters[size:] * scale + shift


def _values(layers: Iterator[Layer], kind: str, count: int) -> Tensor:
    layer = next(layers, None)
    if layer is None or layer.kind != kind or layer.values.numel() != count:
        found = "nothing" if layer is None else f"{layer.kind} with {layer.values.numel()} values"
        raise WeightsError(f"expected a {kind} layer with {count} values, found {found}: this is another network")
    return layer.values

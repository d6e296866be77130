"""FaceNet, trained on MS-Celeb-1M: the network of `facenet` with 128 numbers and another input.

Source: as `facenet`; weights `facenet_keras.h5`, which Hiroki Taniai made of David Sandberg's model 20170512-110547.
The input is standardised picture by picture, which `facenet` calls prewhitening.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from cloak.errors import WeightsError
from cloak.models.networks.facenet import FaceNet, convolution_weights
from cloak.models.networks.mobilefacenet import fold_norm
from cloak.models.readers.hdf5 import read_datasets

_NORM_EPS = 1e-3
_FACTORS = {"Block35": 0.17, "Block17": 0.10, "Block8": 0.20}  # of the residual branches
_LAST = "Block8_6"  # which is added as it is


class FaceNetMsCeleb(FaceNet):
    """FaceNet: 160 px faces to 128 numbers."""

    def __init__(self) -> None:
        super().__init__(dim=128)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 160, 160), RGB in [0, 1].

        Returns:
            float32 (N, 128), not normalised.
        """
        return super().forward(_standardised(faces))


def _standardised(faces: Tensor) -> Tensor:
    """Shift and scale each picture to mean 0 and deviation 1; the deviation of flat ones counts as 1 / sqrt(pixels)."""
    smallest = (1 / 255) ** 2 / faces[0].numel() if len(faces) else 0.0
    variance, mean = torch.var_mean(faces, (1, 2, 3), correction=0, keepdim=True)
    return (faces - mean) * variance.clamp_min(smallest).rsqrt()


def convert(path: Path) -> dict[str, Tensor]:
    """Read `facenet_keras.h5` into the state dict of `FaceNetMsCeleb`.

    All batch norms are folded here, and so are the factors of the residual branches.

    Args:
        path: the HDF5 file.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.

    Raises:
        WeightsError: the file is damaged, or a weight is not in it.
    """
    found = read_weights(path)
    try:
        state = dict(convolution_weights(partial(_weight_and_bias, found)))
        linear = fold_norm(found["Bottleneck/kernel"].t(), None, _norm(found, "Bottleneck"), _NORM_EPS)
    except KeyError as error:
        raise WeightsError(f"{path} holds no weight named {error}: it is not Keras' FaceNet") from error
    state["linear.weight"], state["linear.bias"] = linear
    return {name: tensor.contiguous() for name, tensor in state.items()}


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights as ``layer/weight``; convolutions are (height, width, channels, width of the output).

    Raises:
        WeightsError: the file is damaged.
    """
    names = ((name.split("/"), tensor) for name, tensor in read_datasets(path).items())
    return {f"{parts[-2]}/{parts[-1].removesuffix(':0')}": tensor for parts, tensor in names if len(parts) > 1}


def _weight_and_bias(found: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    layer = _in_keras(name)
    weight = found[f"{layer}/kernel"].permute(3, 2, 0, 1)
    if f"{layer}_BatchNorm/beta" in found:
        return fold_norm(weight, None, _norm(found, layer), _NORM_EPS)
    block = layer.removesuffix("_Conv2d_1x1")
    factor = 1.0 if block == _LAST else _FACTORS[block.split("_")[0]]
    return weight * factor, found[f"{layer}/bias"] * factor


def _in_keras(name: str) -> str:
    """Return what Keras calls a convolution: Repeat/block35_1/Branch_0/Conv2d_1x1 is Block35_1_Branch_0_Conv2d_1x1."""
    name = re.sub(r"^Repeat(_\d)?/b", "B", name)
    return re.sub(r"^Block8/", f"{_LAST}/", name).replace("/", "_")


def _norm(found: Mapping[str, Tensor], layer: str) -> dict[str, Tensor]:
    """Return a layer's batch norm, which scales by one, under the names that PyTorch uses."""
    keys = {"bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    norm = {ours: found[f"{layer}_BatchNorm/{theirs}"] for ours, theirs in keys.items()}
    return norm | {"weight": torch.ones_like(norm["bias"])}

"""Read trained layers out of a network that dlib serialised.

Such a file is the layers' names and settings, and behind the name of each layer that learns, a tensor. The names carry
their length, and everything between two tensors is short, so it is enough to look for the names there.

Source: dlib/serialize.h (integers), dlib/cuda/tensor_tools.h (tensors), dlib/dnn/layers.h (layers) of dlib 19 and 20.
"""

import re
from pathlib import Path
from typing import NamedTuple

import torch

from cloak.errors import WeightsError
from cloak.models.readers.protobuf import numbers

_LAYER = re.compile(rb"\x01\x05(con)_4|\x01\x07(affine)_|\x01\x04(fc)_2")
_TENSOR_VERSION = 2
_DIMENSIONS = 4
_MAX_INTEGER_BYTES = 8


class Layer(NamedTuple):
    """One layer that learns.

    Attributes:
        kind: `con` (filters, then biases), `affine` (scales, then shifts) or `fc` (inputs x outputs).
        values: float32 (n,), the layer's parameters in one run.
    """

    kind: str
    values: torch.Tensor


def read_layers(path: Path) -> list[Layer]:
    """Return the layers that learn, from the input to the output of the network.

    Raises:
        WeightsError: the file is damaged or holds no network.
    """
    data = memoryview(path.read_bytes())
    layers = []
    position = 0
    while match := _LAYER.search(data, position):
        kind = next(group for group in match.groups() if group).decode()
        position = match.end()
        if kind == "fc":  # says its numbers of outputs and inputs first
            for _ in range(2):
                _, position = _integer(data, position)
        values, position = _tensor(data, position)
        layers.append(Layer(kind, values))
    if not layers:
        raise WeightsError(f"{path} holds no layers: it is not a network that dlib wrote")
    return layers


def _tensor(data: memoryview, position: int) -> tuple[torch.Tensor, int]:
    version, position = _integer(data, position)
    if version != _TENSOR_VERSION:
        raise WeightsError(f"dlib tensor at byte {position} has version {version}, expected {_TENSOR_VERSION}")
    count = 1
    for _ in range(_DIMENSIONS):
        size, position = _integer(data, position)
        count *= size
    end = position + 4 * count
    if not position <= end <= len(data):
        raise WeightsError(f"dlib tensor at byte {position} wants {count} values, the file ends before: truncated")
    return numbers(data[position:end], torch.float32), end


def _integer(data: memoryview, position: int) -> tuple[int, int]:
    """Read dlib's integer: a byte with the sign (top bit) and the number of bytes, then those, little-endian."""
    control = data[position] if position < len(data) else 0
    length = control & 0x0F
    end = position + 1 + length
    if not 1 <= length <= _MAX_INTEGER_BYTES or end > len(data):
        raise WeightsError(f"dlib number at byte {position} is damaged")
    value = int.from_bytes(data[position + 1 : end], "little")
    return (-value if control & 0x80 else value), end

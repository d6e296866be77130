"""Read numeric numpy arrays out of plain pickles without letting the pickle run anything, see `pickled`."""

import io
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from cloak.errors import WeightsError
from cloak.models.readers.pickled import DAMAGE, unpickle
from cloak.models.readers.protobuf import numbers, shaped

_NUMBERS = {
    "f2": torch.float16,
    "f4": torch.float32,
    "f8": torch.float64,
    "i1": torch.int8,
    "i2": torch.int16,
    "i4": torch.int32,
    "i8": torch.int64,
    "u1": torch.uint8,
    "b1": torch.bool,
}


def read_numpy(path: Path, *, inert: Collection[str] = ()) -> Any:  # noqa: ANN401 -- a pickle can hold anything
    """Read a plain pickle of containers and numeric numpy arrays; the arrays come back as tensors.

    Args:
        path: the file.
        inert: full names of classes to replace by `Inert`.

    Raises:
        WeightsError: the file is damaged, or wants anything that is neither arrays nor on the list.
    """
    try:
        return _arrays_to_tensors(unpickle(io.BytesIO(path.read_bytes()), _NUMPY, inert, encoding="latin1"))
    except DAMAGE as error:
        raise WeightsError(f"{path} is not a readable numpy pickle: {error}") from error


class _Array:
    """A numpy array on its way in: filled by the state that numpy pickles, read out as a tensor."""

    def __init__(self, *_: object) -> None:
        self.tensor = torch.empty(0)

    def __setstate__(self, state: tuple[int, tuple[int, ...], "_Dtype", bool, bytes | str]) -> None:
        _, shape, dtype, fortran, raw = state
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        sizes = list(shape)
        values = shaped(numbers(memoryview(raw), dtype.torch), sizes[::-1] if fortran else sizes, "an array")
        self.tensor = values.permute(*reversed(range(len(sizes)))) if fortran else values


class _Dtype:
    """A numpy element type; only little-endian numbers are known."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in _NUMBERS:
            raise TypeError(f"its arrays hold {code!r}, not numbers")
        self.torch = _NUMBERS[code]

    def __setstate__(self, state: tuple[object, ...]) -> None:
        if state[1] not in ("<", "|", "="):
            raise TypeError("its arrays are big-endian")


def _array_from_buffer(raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", raw))
    return array


def _scalar(dtype: _Dtype, raw: bytes | str) -> int | float | bool:
    found = numbers(memoryview(raw.encode("latin1") if isinstance(raw, str) else raw), dtype.torch)
    return found.item()


def _encode(text: str, _encoding: str) -> bytes:
    return text.encode("latin1")  # how protocol 2 keeps bytes; the codec is always latin1


def _no_bytes() -> bytes:
    return b""  # which protocol 2 keeps as a call without arguments


def _arrays_to_tensors(value: Any) -> Any:  # noqa: ANN401 -- a pickle can hold anything
    match value:
        case _Array():
            return value.tensor.contiguous()
        case dict():
            return {key: _arrays_to_tensors(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(_arrays_to_tensors(item) for item in value)
    return value


_NUMPY: dict[str, object] = {"collections.OrderedDict": OrderedDict, "_codecs.encode": _encode, "numpy.dtype": _Dtype}
_NUMPY |= {"numpy.ndarray": _Array, "__builtin__.bytes": _no_bytes}
for _core in ("numpy.core", "numpy._core"):  # before and since numpy 2
    _NUMPY[f"{_core}.multiarray._reconstruct"] = _Array
    _NUMPY[f"{_core}.multiarray.scalar"] = _scalar
    _NUMPY[f"{_core}.numeric._frombuffer"] = _array_from_buffer

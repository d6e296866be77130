"""Read the constants and the operators of a TensorFlow Lite file, without TensorFlow.

Such a file is a FlatBuffer: tables that refer to each other by their distance in bytes. Each begins with the distance
back to its vtable, the list of where in the table its fields are; a field that has its default is not there.

Source: tensorflow/lite/schema/schema.fbs, version 3; https://flatbuffers.dev/internals
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from cloak.errors import WeightsError
from cloak.models.readers.protobuf import numbers, shaped

_IDENTIFIER = b"TFL3"
_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS = 1, 2, 4
_CODE_OLD, _CODE = 0, 3  # the first is a byte, too small for the later operators; the larger of the two counts
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME = 0, 1, 2, 3
_BUFFER_DATA, _BUFFER_OFFSET = 0, 1
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_OPTIONS = 0, 1, 2, 4

_TYPES = {0: torch.float32, 2: torch.int32}
_KINDS = {
    0: "ADD",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    9: "FULLY_CONNECTED",
    18: "MUL",
    34: "PAD",
    40: "MEAN",
    41: "SUB",
}
# Field and layout of the options that say what an operator does, where it has any.
_OPTIONS = {
    "CONV_2D": {"padding": (0, "b"), "stride_w": (1, "i"), "stride_h": (2, "i"), "activation": (3, "b")},
    "DEPTHWISE_CONV_2D": {"padding": (0, "b"), "stride_w": (1, "i"), "stride_h": (2, "i"), "activation": (4, "b")},
    "FULLY_CONNECTED": {"activation": (0, "b")},
}
_T = TypeVar("_T")
_NO_TENSOR = -1
_MAX_DIMENSIONS = 8


class Operator(NamedTuple):
    """One operation.

    Attributes:
        kind: as the schema calls it, such as `CONV_2D`; the number of one that this reader has no name for.
        inputs: names of tensors; an empty one where an optional input is left out.
        outputs: names of tensors.
        options: padding (0 as TensorFlow's SAME, 1 VALID), stride_w, stride_h and activation (0 none, 1 ReLU, 3 ReLU6)
            of convolutions and linear layers; those of other operators are left out.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Mapping[str, int]


class Graph(NamedTuple):
    """What a file computes.

    Attributes:
        inputs: names of tensors.
        outputs: names of tensors.
        operators: in execution order.
        constants: the float32 and int32 tensors that the file holds, by name. Other types are left out.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: tuple[Operator, ...]
    constants: Mapping[str, torch.Tensor]


def read_graph(path: Path) -> Graph:
    """Return the one graph of the file.

    Raises:
        WeightsError: the file is damaged, no TensorFlow Lite model, holds several graphs or names two tensors alike.
    """
    try:
        return _graph(_File(path.read_bytes()))
    except (struct.error, WeightsError) as error:
        raise WeightsError(f"{path} is not a readable TensorFlow Lite file: {error}") from error


class _File:
    """The bytes, and how much of them may still be visited: tables that are referred to a million times end."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._left = 2 * len(data)  # real ones are read once; short tables may share a vtable

    def root(self) -> "_Table":
        if self.bytes(4, 4) != _IDENTIFIER:
            raise WeightsError(f"its identifier is not {_IDENTIFIER.decode()}")
        return self.table(0)

    def table(self, place: int) -> "_Table":
        """Return the table that the number at a place refers to."""
        start = place + self.fields(place, "<I")[0]
        vtable = start - self.fields(start, "<i")[0]
        (size,) = self.fields(vtable, "<H")
        return _Table(self, start, struct.unpack(f"<{size // 2}H", self.bytes(vtable, size // 2 * 2))[2:])

    def vector(self, place: int, width: int) -> tuple[int, memoryview]:
        """Return where the elements are that the number at a place refers to, and their bytes."""
        start = place + self.fields(place, "<I")[0]
        (count,) = self.fields(start, "<I")
        return start + 4, self.bytes(start + 4, count * width)

    def fields(self, start: int, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.bytes(start, struct.calcsize(layout)))

    def bytes(self, start: int, length: int) -> memoryview:
        if start < 0 or start + length > len(self._data):
            raise WeightsError(f"it has no {length} bytes at {start}: truncated or damaged")
        self._left -= length
        if self._left < 0:
            raise WeightsError("its parts overlap")
        return self._data[start : start + length]


class _Table(NamedTuple):
    """A table: its file, where it starts, and how far from there each of its fields is, 0 where it is left out."""

    file: _File
    start: int
    distances: tuple[int, ...]

    def place(self, field: int) -> int | None:
        distance = self.distances[field] if field < len(self.distances) else 0
        return self.start + distance if distance else None

    def number(self, field: int, layout: str) -> int:
        place = self.place(field)
        return 0 if place is None else int(self.file.fields(place, f"<{layout}")[0])

    def integers(self, field: int) -> tuple[int, ...]:
        place = self.place(field)
        if place is None:
            return ()
        _, data = self.file.vector(place, 4)
        return struct.unpack(f"<{len(data) // 4}i", data)

    def data(self, field: int) -> memoryview:
        place = self.place(field)
        return memoryview(b"") if place is None else self.file.vector(place, 1)[1]

    def table(self, field: int) -> "_Table | None":
        place = self.place(field)
        return None if place is None else self.file.table(place)

    def tables(self, field: int) -> Iterator["_Table"]:
        place = self.place(field)
        if place is not None:
            start, data = self.file.vector(place, 4)
            yield from (self.file.table(start + at) for at in range(0, len(data), 4))


def _graph(file: _File) -> Graph:
    model = file.root()
    graphs = list(model.tables(_MODEL_SUBGRAPHS))
    if len(graphs) != 1:
        raise WeightsError(f"it holds {len(graphs)} graphs, not one")
    (graph,) = graphs
    tensors = list(graph.tables(_GRAPH_TENSORS))
    names = [bytes(tensor.data(_TENSOR_NAME)).decode(errors="replace") for tensor in tensors]
    if len(set(names)) != len(names):
        raise WeightsError("two of its tensors have one name")

    def named(numbers: tuple[int, ...]) -> tuple[str, ...]:
        return tuple("" if number == _NO_TENSOR else _item(names, number, "tensor") for number in numbers)

    kinds = [_kind(code) for code in model.tables(_MODEL_CODES)]
    buffers = list(model.tables(_MODEL_BUFFERS))
    constants = {name: _constant(tensor, name, buffers) for name, tensor in zip(names, tensors, strict=True)}
    return Graph(
        inputs=named(graph.integers(_GRAPH_INPUTS)),
        outputs=named(graph.integers(_GRAPH_OUTPUTS)),
        operators=tuple(_operator(each, kinds, named) for each in graph.tables(_GRAPH_OPERATORS)),
        constants={name: value for name, value in constants.items() if value is not None},
    )


def _kind(code: _Table) -> str:
    number = max(code.number(_CODE_OLD, "b"), code.number(_CODE, "i"))
    return _KINDS.get(number, str(number))


def _operator(operator: _Table, kinds: list[str], named: Callable[[tuple[int, ...]], tuple[str, ...]]) -> Operator:
    kind = _item(kinds, operator.number(_OPERATOR_CODE, "I"), "kind of operator")
    options = operator.table(_OPERATOR_OPTIONS) if kind in _OPTIONS else None
    return Operator(
        kind=kind,
        inputs=named(operator.integers(_OPERATOR_INPUTS)),
        outputs=named(operator.integers(_OPERATOR_OUTPUTS)),
        options={} if options is None else {name: options.number(*at) for name, at in _OPTIONS[kind].items()},
    )


def _constant(tensor: _Table, name: str, buffers: list[_Table]) -> torch.Tensor | None:
    """Return what a tensor holds, None where that is computed or of a type that is left out."""
    dtype = _TYPES.get(tensor.number(_TENSOR_TYPE, "b"))
    buffer = _item(buffers, tensor.number(_TENSOR_BUFFER, "I"), "buffer")
    if buffer.number(_BUFFER_OFFSET, "Q"):
        raise WeightsError(f"the tensor {name!r} is kept behind the tables, which no network here needs")
    data = buffer.data(_BUFFER_DATA)
    if dtype is None or not data:
        return None
    shape = tensor.integers(_TENSOR_SHAPE)
    if len(shape) > _MAX_DIMENSIONS:
        raise WeightsError(f"the tensor {name!r} has {len(shape)} dimensions")
    return shaped(numbers(data, dtype), list(shape), f"the tensor {name!r}")


def _item(items: Sequence[_T], number: int, what: str) -> _T:
    if not 0 <= number < len(items):
        raise WeightsError(f"it refers to {what} {number} of {len(items)}: damaged")
    return items[number]

"""Read weights and graph structure from ONNX files, without the onnx package.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch

from cloak.errors import WeightsError
from cloak.models.readers.protobuf import Message, numbers, shaped

Attribute: TypeAlias = int | float | str | torch.Tensor | list[int] | list[float] | list[str]

_MODEL_GRAPH = 7
_GRAPH_NODES, _GRAPH_INITIALISERS = 1, 5
_NODE_INPUTS, _NODE_OUTPUTS, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTES = 1, 2, 3, 4, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_LOCATION = 1, 2, 8, 9, 14
_ATTRIBUTE_NAME, _ATTRIBUTE_TYPE = 1, 20
_EXTERNAL = 1

_TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}
# The field a type is kept in when it is not raw bytes: fixed-width ones by field, the rest are varints in one of two.
_FIXED_WIDTH = {torch.float32: 4, torch.float64: 10}
_INT64_DATA, _INT32_DATA = 7, 5
_AS_BITS = {torch.float16, torch.bfloat16}


class Node(NamedTuple):
    """One operation of the graph, in execution order."""

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


def read_initialisers(path: Path) -> dict[str, torch.Tensor]:
    """Return every weight in the file by name, those that the graph holds as Constant nodes included.

    Raises:
        WeightsError: the file is damaged, not an ONNX model, or keeps its weights in other files.
    """
    graph = _graph(path)
    tensors = {}
    for message in graph.messages(_GRAPH_INITIALISERS):
        tensors[message.text(_TENSOR_NAME)] = _tensor(message)
    for node in _nodes(graph):
        value = node.attributes.get("value")
        if node.op_type == "Constant" and isinstance(value, torch.Tensor):
            tensors[node.outputs[0]] = value
    return tensors


def read_nodes(path: Path) -> list[Node]:
    """Return the operations of the graph in execution order; subgraphs in attributes are left out.

    Raises:
        WeightsError: the file is damaged or not an ONNX model.
    """
    return _nodes(_graph(path))


def _graph(path: Path) -> Message:
    model = Message.parse(path.read_bytes())
    if _MODEL_GRAPH not in model.fields:
        raise WeightsError(f"{path} holds no graph: it is not an ONNX model")
    return model.message(_MODEL_GRAPH)


def _nodes(graph: Message) -> list[Node]:
    return [
        Node(
            op_type=message.text(_NODE_OP),
            name=message.text(_NODE_NAME),
            inputs=tuple(message.texts(_NODE_INPUTS)),
            outputs=tuple(message.texts(_NODE_OUTPUTS)),
            attributes=_attributes(message),
        )
        for message in graph.messages(_GRAPH_NODES)
    ]


def _attributes(node: Message) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {}
    for message in node.messages(_NODE_ATTRIBUTES):
        read = _ATTRIBUTE_KINDS.get(message.integer(_ATTRIBUTE_TYPE))
        if read is not None:
            attributes[message.text(_ATTRIBUTE_NAME)] = read(message)
    return attributes


def _tensor(message: Message) -> torch.Tensor:
    name = f"tensor {message.text(_TENSOR_NAME)!r}"
    if message.integer(_TENSOR_LOCATION) == _EXTERNAL:
        raise WeightsError(f"{name} is kept in another file: save the model as one file")
    kind = message.integer(_TENSOR_TYPE)
    dtype = _TYPES.get(kind)
    if dtype is None:
        raise WeightsError(f"{name} has the ONNX element type {kind}, which no network here uses")
    return shaped(_values(message, dtype, name), message.integers(_TENSOR_DIMS), name)


def _values(message: Message, dtype: torch.dtype, name: str) -> torch.Tensor:
    if raw := message.data(_TENSOR_RAW):
        return numbers(raw, dtype)
    if field := _FIXED_WIDTH.get(dtype):
        return numbers(message.joined(field), dtype)
    integers = message.integers(_INT64_DATA if dtype == torch.int64 else _INT32_DATA)
    if dtype not in _AS_BITS:
        info = None if dtype == torch.bool else torch.iinfo(dtype)
        if info is not None and any(not info.min <= value <= info.max for value in integers):
            raise WeightsError(f"{name} holds values that {dtype} cannot: the file is damaged")
        return torch.tensor(integers, dtype=dtype)
    if any(not 0 <= value < 1 << 16 for value in integers):
        raise WeightsError(f"{name} holds values that {dtype} cannot: the file is damaged")
    return torch.tensor(integers, dtype=torch.int32).to(torch.uint16).view(dtype)


_ATTRIBUTE_KINDS: dict[int, Callable[[Message], Attribute]] = {
    1: lambda message: message.floating(2),
    2: lambda message: message.integer(3),
    3: lambda message: message.text(4),
    4: lambda message: _tensor(message.message(5)),
    6: lambda message: message.floats(7),
    7: lambda message: message.integers(8),
    8: lambda message: message.texts(9),
}

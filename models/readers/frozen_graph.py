"""Read the nodes and weights of a frozen TensorFlow graph, without TensorFlow.

Source: tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch

from cloak.errors import WeightsError
from cloak.models.readers.protobuf import Message, numbers, shaped

Attribute: TypeAlias = int | float | str | bool | list[int] | torch.Tensor

_GRAPH_NODES = 1
_NODE_NAME, _NODE_OP, _NODE_INPUTS, _NODE_ATTRIBUTES = 1, 2, 3, 5
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_LIST_INTEGERS = 3
_TENSOR_TYPE, _TENSOR_SHAPE, _TENSOR_CONTENT = 1, 2, 4
_SHAPE_DIMENSIONS, _DIMENSION_SIZE = 2, 1
_FLOATS, _INTEGERS, _LONGS, _BOOLEANS = 5, 7, 10, 11
_TYPES = {1: torch.float32, 3: torch.int32, 9: torch.int64, 10: torch.bool}
_FIELDS = {torch.int32: _INTEGERS, torch.int64: _LONGS, torch.bool: _BOOLEANS}
_MAX_FILLED = 1 << 20


class Node(NamedTuple):
    """One operation.

    Attributes:
        name: what other nodes call it by.
        op: the kind of operation.
        inputs: names of nodes; `name:1` is their second output, `^name` is only an order of execution.
        attributes: settings; the weights of a `Const` are its `value`. Unknown kinds of settings are left out.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


def read_graph(path: Path) -> list[Node]:
    """Return the nodes of the graph in file order.

    Raises:
        WeightsError: the file is damaged or is not a frozen graph.
    """
    nodes = [
        Node(
            name=message.text(_NODE_NAME),
            op=message.text(_NODE_OP),
            inputs=tuple(message.texts(_NODE_INPUTS)),
            attributes=_attributes(message),
        )
        for message in Message.parse(path.read_bytes()).messages(_GRAPH_NODES)
    ]
    if not nodes:
        raise WeightsError(f"{path} holds no nodes: it is not a frozen TensorFlow graph")
    return nodes


def read_constants(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the graph by node name.

    Raises:
        WeightsError: the file is damaged or is not a frozen graph.
    """
    values = {node.name: node.attributes.get("value") for node in read_graph(path) if node.op == "Const"}
    return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}


def _attributes(node: Message) -> dict[str, Attribute]:
    attributes = {}
    for entry in node.messages(_NODE_ATTRIBUTES):
        value = _attribute(entry.message(_ENTRY_VALUE))
        if value is not None:
            attributes[entry.text(_ENTRY_KEY)] = value
    return attributes


def _attribute(value: Message) -> Attribute | None:
    read = next((_ATTRIBUTE_KINDS[number] for number in value.fields if number in _ATTRIBUTE_KINDS), None)
    return None if read is None else read(value)


def _tensor(message: Message) -> torch.Tensor | None:
    dtype = _TYPES.get(message.integer(_TENSOR_TYPE))
    if dtype is None:  # text and such, which no network here needs
        return None
    dimensions = message.message(_TENSOR_SHAPE).messages(_SHAPE_DIMENSIONS)
    shape = [dimension.integer(_DIMENSION_SIZE) for dimension in dimensions]
    if content := message.data(_TENSOR_CONTENT):
        return shaped(numbers(content, dtype), shape, "a tensor in the graph")
    if dtype == torch.float32:
        values = numbers(message.joined(_FLOATS), dtype)
    else:
        values = torch.tensor(message.integers(_FIELDS[dtype]), dtype=dtype)
    count = 1
    for size in shape:
        count *= size
    if len(values) == 1 and 1 < count <= _MAX_FILLED:  # one value stands for all of them
        values = values.repeat(count)
    return shaped(values, shape, "a tensor in the graph")


_ATTRIBUTE_KINDS: dict[int, Callable[[Message], Attribute | None]] = {
    1: lambda value: value.message(1).integers(_LIST_INTEGERS),
    2: lambda value: bytes(value.data(2)).decode(errors="replace"),
    3: lambda value: value.integer(3),
    4: lambda value: value.floating(4),
    5: lambda value: bool(value.integer(5)),
    6: lambda value: value.integer(6),
    8: lambda value: _tensor(value.message(8)),
}

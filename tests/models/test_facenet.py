"""TensorFlow is no dependency, not even of the tests: its graph is walked here, node by node, with plain operations."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cloak.errors import WeightsError
from cloak.models import fetch, load_recogniser
from cloak.models.networks.facenet import convert
from cloak.models.readers.frozen_graph import Node, read_graph

SIZE = 160


@pytest.fixture(scope="module")
def network():
    return load_recogniser("facenet").network


def test_it_equals_its_graph_on_real_faces(network, crops):
    nodes = {node.name: node for node in read_graph(fetch.fetch_raw("facenet"))}
    faces = crops(SIZE).float()
    images = ((faces - 127.5) / 128).permute(0, 2, 3, 1)
    # One at a time: the graph holds a batch size of one.
    raw = torch.cat([walk(nodes, "InceptionResnetV1/Bottleneck/BatchNorm/Reshape_1", image[None]) for image in images])

    found = network(faces / 255)

    assert F.cosine_similarity(found, raw).min() > 0.99999
    torch.testing.assert_close(found, raw, atol=1e-4 * raw.abs().max().item(), rtol=0)
    unit = walk(nodes, "embeddings", images[:1])
    torch.testing.assert_close(F.normalize(found[:1]), unit, atol=1e-5, rtol=0)


def test_it_matches_its_golden_answer(network, matches_golden):
    matches_golden("facenet", network, SIZE)


def test_memory_format_does_not_change_the_answer(network, crops):
    faces = crops(SIZE) / 255
    usual = network(faces)
    last = network(faces.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, usual, atol=1e-4 * usual.abs().max().item(), rtol=0)


def test_another_graph_is_refused(tmp_path):
    other = tmp_path / "graph.pb"
    other.write_bytes(b"\x0a\x0f\x0a\x06weight\x12\x05Const")  # one node, without a value
    with pytest.raises(WeightsError, match="another graph"):
        convert(other)


def walk(nodes: dict[str, Node], wanted: str, image: Tensor) -> Tensor:
    """Return the value of a node for an image (1, H, W, 3), by TensorFlow's definition of the operations."""
    values: dict[str, Tensor] = {}
    open_nodes = [wanted]
    while open_nodes:
        node = nodes[open_nodes[-1]]
        inputs = [name.split(":")[0] for name in node.inputs if not name.startswith("^")]
        missing = [name for name in inputs if name not in values]
        if missing:
            open_nodes += missing
            continue
        open_nodes.pop()
        if node.op == "Placeholder":
            values[node.name] = image
        else:
            values[node.name] = OPERATIONS[node.op](node, *(values[name] for name in inputs))
    return values[wanted]


def windowed(node: Node, image: Tensor, size: tuple[int, int], operation: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Run a channels-first operation with a sliding window on (1, H, W, C), padded as the node says."""
    assert node.attributes["data_format"] == "NHWC"
    _, stride, stride_too, _ = node.attributes["strides"]
    assert stride == stride_too
    image = image.permute(0, 3, 1, 2)
    if node.attributes["padding"] == "SAME":
        assert node.op == "Conv2D"  # zeros are no padding for a pool
        edges = []
        for length, window in zip(image.shape[:1:-1], size[::-1], strict=True):
            total = max((math.ceil(length / stride) - 1) * stride + window - length, 0)
            edges += [total // 2, total - total // 2]
        image = F.pad(image, edges)
    return operation(image, stride).permute(0, 2, 3, 1)


def convolution(node: Node, image: Tensor, weight: Tensor) -> Tensor:
    assert set(node.attributes["dilations"]) == {1}
    kernel = weight.permute(3, 2, 0, 1)
    return windowed(node, image, kernel.shape[2:], lambda padded, stride: F.conv2d(padded, kernel, stride=stride))


def pool(node: Node, image: Tensor, function: Callable[..., Tensor]) -> Tensor:
    size = tuple(node.attributes["ksize"][1:3])
    return windowed(node, image, size, lambda padded, stride: function(padded, size, stride))


def norm(node: Node, image: Tensor, *statistics: Tensor) -> Tensor:
    scale, offset, mean, variance = statistics
    assert not node.attributes["is_training"]
    return (image - mean) / (variance + node.attributes["epsilon"]).sqrt() * scale + offset


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "Const": lambda node: node.attributes["value"],
    "Conv2D": convolution,
    "BiasAdd": lambda _, image, bias: image + bias,
    "Relu": lambda _, image: image.relu(),
    "MaxPool": lambda node, image: pool(node, image, F.max_pool2d),
    "AvgPool": lambda node, image: pool(node, image, F.avg_pool2d),
    "ConcatV2": lambda _, *inputs: torch.cat(inputs[:-1], int(inputs[-1])),
    "Add": lambda _, a, b: a + b,
    "Mul": lambda _, a, b: a * b,
    "Maximum": lambda _, a, b: a.maximum(b),
    "MatMul": lambda _, a, b: a @ b,
    "Reshape": lambda _, values, shape: values.reshape(shape.tolist()),
    "FusedBatchNorm": norm,
    "Square": lambda _, values: values.square(),
    "Sum": lambda node, values, axis: values.sum(int(axis), keepdim=node.attributes["keep_dims"]),
    "Rsqrt": lambda _, values: values.rsqrt(),
}

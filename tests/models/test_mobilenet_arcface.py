"""The original runtime, LiteRT, is tried where it is installed (`pip install ai-edge-litert`).

Elsewhere the operators that the file lists are run here one by one, by their definition in TensorFlow Lite; the golden
answer was written by LiteRT.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cloak.errors import WeightsError
from cloak.models import fetch, load_recogniser
from cloak.models.networks import mobilenet_arcface
from cloak.models.networks.mobilenet_arcface import convert
from cloak.models.readers.tflite import Graph, read_graph

SIZE = 112
SAME, VALID = 0, 1
ACTIVATIONS = {0: lambda features: features, 3: F.relu6}


@pytest.fixture(scope="module")
def network():
    return load_recogniser("mobilenet_ms1m").network


@pytest.fixture(scope="module")
def original() -> Path:
    return fetch.fetch_raw("mobilenet_ms1m")


def test_it_equals_litert_on_real_faces(network, original, crops):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(str(original))
    interpreter.allocate_tensors()
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    faces = crops(SIZE).float()
    answers = []
    for face in faces.permute(0, 2, 3, 1).contiguous():
        interpreter.set_tensor(entry["index"], face[None].numpy())
        interpreter.invoke()
        answers.append(torch.from_numpy(interpreter.get_tensor(exit_["index"])))

    close(network(faces / 255), torch.cat(answers))


def test_it_equals_its_file_on_real_faces(network, original, crops):
    faces = crops(SIZE).float()
    close(network(faces / 255), walk(read_graph(original), faces))


def test_it_matches_the_answer_of_litert(network, matches_golden):
    matches_golden("mobilenet_ms1m", network, SIZE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda graph: graph._replace(operators=graph.operators[1:]), "does not compute a MobileNet"),
        (lambda graph: graph._replace(operators=graph.operators[:3] + graph.operators[2:]), "does not compute"),
        (lambda graph: graph._replace(constants={}), "lacks numbers"),
        (lambda graph: graph._replace(operators=tuple(map(without_biases, graph.operators))), "lacks numbers"),
    ],
)
def test_another_graph_is_refused(original, monkeypatch, change, message):
    changed = change(read_graph(original))
    monkeypatch.setattr(mobilenet_arcface, "read_graph", lambda _: changed)
    with pytest.raises(WeightsError, match=message):
        convert(original)


def without_biases(operator):
    return operator._replace(inputs=operator.inputs[:2])


def close(found: Tensor, expected: Tensor) -> None:
    assert F.cosine_similarity(found, expected).min() > 0.99999
    torch.testing.assert_close(found, expected, atol=1e-4 * expected.abs().max().item(), rtol=0)


def walk(graph: Graph, images: Tensor) -> Tensor:
    """Run the operators of the graph: (N, 3, H, W), 0..255 -> (N, 128)."""
    values: dict[str, Tensor] = {**graph.constants, graph.inputs[0]: images}
    for operator in graph.operators:
        features, *constants = (values[name] for name in operator.inputs)
        answer = OPERATORS[operator.kind](features, constants, operator.options)
        values[operator.outputs[0]] = ACTIVATIONS[operator.options.get("activation", 0)](answer)
    return values[graph.outputs[0]]


def pad(features: Tensor, constants: list[Tensor], _: Mapping[str, int]) -> Tensor:
    batch, (top, bottom), (left, right), channels = constants[0].tolist()
    assert batch == channels == [0, 0]
    return F.pad(features, (left, right, top, bottom))


def convolution(features: Tensor, constants: list[Tensor], options: Mapping[str, int]) -> Tensor:
    kernel, bias = constants
    kernel = kernel.permute(0, 3, 1, 2)  # (width, channels, ...)
    return F.conv2d(features, kernel, bias, **placed(options))


def depthwise(features: Tensor, constants: list[Tensor], options: Mapping[str, int]) -> Tensor:
    kernel, bias = constants
    kernel = kernel.permute(3, 0, 1, 2)  # (channels, 1, ...)
    return F.conv2d(features, kernel, bias, **placed(options), groups=len(kernel))


def placed(options: Mapping[str, int]) -> dict[str, object]:
    """Stride and padding as PyTorch has them; it refuses SAME where the stride is not 1."""
    stride = options["stride_h"], options["stride_w"]
    return {"stride": stride, "padding": {SAME: "same", VALID: "valid"}[options["padding"]]}


def mean(features: Tensor, constants: list[Tensor], _: Mapping[str, int]) -> Tensor:
    assert constants[0].tolist() == [1, 2]  # height and width
    return features.mean((2, 3))


OPERATORS = {
    "SUB": lambda features, constants, _: features - constants[0],
    "MUL": lambda features, constants, _: features * constants[0],
    "ADD": lambda features, constants, _: features + constants[0],
    "PAD": pad,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "MEAN": mean,
    "FULLY_CONNECTED": lambda features, constants, _: F.linear(features, *constants),
}

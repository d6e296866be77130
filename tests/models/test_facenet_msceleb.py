"""Keras is no dependency, not even of the tests: the layers that the file describes are run here one by one.

They are run with plain operations by Keras' definition of them, with batch norms that are not folded; the golden answer
was written by that. The scale of the input is not in the file: that each picture is standardised, red first, is how the
authors describe it. On the first two photos of 800 people of LFW (A to M) it gives a TAR of 0.978 at FAR 0.001; a fixed
scale gives 0.968, blue first 0.965. The AUC is 0.9996, and 99.2 % of pairs are told right (ten folds; the authors state
99.2 % for LFW). These figures flatter: the template was chosen on the same photos, from a dozen that differ little, and
people of LFW are in MS-Celeb-1M.
"""

import base64
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cloak.errors import WeightsError
from cloak.models import fetch, load_recogniser
from cloak.models.networks.facenet_msceleb import convert, read_weights

SIZE = 160
CONFIGURATION = b'{"class_name": "Model"'
# In Python 3.6's bytes: inputs[0] + inputs[1] * scale
SCALED_SUM = bytes.fromhex("7c00 6401 1900 7c00 6402 1900 7c01 1400 1700 5300")


@pytest.fixture(scope="module")
def network():
    return load_recogniser("facenet_msceleb").network


@pytest.fixture(scope="module")
def original():
    return fetch.fetch_raw("facenet_msceleb")


def test_it_equals_its_file_on_real_faces(network, original, crops):
    faces = crops(SIZE).float()
    flat = faces.flatten(1)
    standardised = ((flat - flat.mean(1, keepdim=True)) / flat.std(1, correction=0, keepdim=True)).view_as(faces)

    found = network(faces / 255)

    expected = walk(original, standardised)
    assert F.cosine_similarity(found, expected).min() > 0.99999
    torch.testing.assert_close(found, expected, atol=1e-4 * expected.abs().max().item(), rtol=0)


def test_it_matches_its_golden_answer(network, matches_golden):
    matches_golden("facenet_msceleb", network, SIZE)


def test_brightness_and_contrast_make_no_difference(network, crops):
    faces = crops(SIZE).float() / 255
    usual = network(faces)
    torch.testing.assert_close(network(faces * 0.4 + 0.3), usual, atol=1e-4 * usual.abs().max().item(), rtol=0)


def test_a_flat_picture_has_an_embedding_and_gradients(network):
    flat = torch.full((1, 3, SIZE, SIZE), 0.5, requires_grad=True)
    found = network(flat)
    found.sum().backward()
    assert found.isfinite().all()
    assert flat.grad.isfinite().all()


def test_memory_format_does_not_change_the_answer(network, crops):
    faces = crops(SIZE) / 255
    usual = network(faces)
    last = network(faces.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, usual, atol=1e-4 * usual.abs().max().item(), rtol=0)


def test_another_file_is_refused():
    with pytest.raises(WeightsError, match="not Keras' FaceNet"):
        convert(Path(__file__).parents[1] / "data/arrays.h5")


def walk(file: Path, images: Tensor) -> Tensor:
    """Run the layers that the file describes: (N, 3, H, W) -> (N, 128)."""
    data = file.read_bytes()
    text = data[data.index(CONFIGURATION) :][: 1 << 20].decode("latin1")
    model = json.JSONDecoder().raw_decode(text)[0]["config"]
    weights = read_weights(file)
    values: dict[str, Tensor] = {}
    for layer in model["layers"]:  # they are in order of execution
        name, settings = layer["name"], layer["config"]
        inputs = [values[source] for source, *_ in (layer["inbound_nodes"] or [[]])[0]]
        own = {key.split("/")[1]: value for key, value in weights.items() if key.split("/")[0] == name}
        values[name] = LAYERS[layer["class_name"]](settings, own, inputs) if inputs else images
    ((output, *_),) = model["output_layers"]
    return values[output]


def convolution(settings: dict[str, Any], own: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
    assert settings["data_format"] == "channels_last"
    assert settings["dilation_rate"] == [1, 1]
    assert settings["activation"] == "linear"
    assert settings["use_bias"] == ("bias" in own)
    (images,) = inputs
    if settings["padding"] == "same":
        edges = []
        sizes = zip(images.shape[:1:-1], settings["kernel_size"][::-1], settings["strides"][::-1], strict=True)
        for length, window, stride in sizes:
            total = max((math.ceil(length / stride) - 1) * stride + window - length, 0)
            edges += [total // 2, total - total // 2]
        images = F.pad(images, edges)
    return F.conv2d(images, own["kernel"].permute(3, 2, 0, 1), own.get("bias"), settings["strides"])


def norm(settings: dict[str, Any], own: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
    assert settings["center"]
    assert not settings["scale"]
    (images,) = inputs
    mean, variance, shift = (own[key] for key in ("moving_mean", "moving_variance", "beta"))
    return F.batch_norm(images, mean, variance, None, shift, eps=settings["epsilon"])


def pool(settings: dict[str, Any], _: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
    assert settings["padding"] == "valid"
    return F.max_pool2d(inputs[0], settings["pool_size"], settings["strides"])


def joined(settings: dict[str, Any], _: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
    assert settings["axis"] == 3
    return torch.cat(inputs, 1)


def scaled_sum(settings: dict[str, Any], _: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
    assert SCALED_SUM in base64.b64decode(settings["function"][0])
    return inputs[0] + inputs[1] * settings["arguments"]["scale"]


def activation(settings: dict[str, Any], _: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
    assert settings["activation"] == "relu"
    return inputs[0].relu()


def dense(settings: dict[str, Any], own: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
    assert settings["activation"] == "linear"
    assert own.keys() == {"kernel"}
    return inputs[0] @ own["kernel"]


LAYERS = {
    "Conv2D": convolution,
    "BatchNormalization": norm,
    "Activation": activation,
    "MaxPooling2D": pool,
    "Concatenate": joined,
    "Lambda": scaled_sum,
    "GlobalAveragePooling2D": lambda _, __, inputs: inputs[0].mean((2, 3)),
    "Dropout": lambda _, __, inputs: inputs[0],  # not training
    "Dense": dense,
}

"""The class that was pickled is in no package that can be installed here: the network is written out again, unfolded.

The golden answer was written by the original class.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cloak.errors import WeightsError
from cloak.models import fetch, load_recogniser
from cloak.models.networks.mobilefacenet_fxz import convert, read_module

SIZE = 112
LAYERS = ("conv_23", *(f"conv_3.model.{index}" for index in range(4)),
          "conv_34", *(f"conv_4.model.{index}" for index in range(6)),
          "conv_45", *(f"conv_5.model.{index}" for index in range(2)))  # fmt: skip


@pytest.fixture(scope="module")
def network():
    return load_recogniser("mobilefacenet_fxz").network


def test_it_equals_its_definition_on_real_faces(network, crops):
    faces = crops(SIZE).float()
    expected = unfolded(read_module(fetch.fetch_raw("mobilefacenet_fxz")), (faces.flip(1) - 127.5) / 128)

    found = network(faces / 255)

    assert F.cosine_similarity(found, expected).min() > 0.99999
    torch.testing.assert_close(found, expected, atol=1e-4 * expected.abs().max().item(), rtol=0)


def test_it_matches_the_answer_of_the_original_class(network, matches_golden):
    matches_golden("mobilefacenet_fxz", network, SIZE)


def test_memory_format_does_not_change_the_answer(network, crops):
    faces = crops(SIZE) / 255
    usual = network(faces)
    last = network(faces.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, usual, atol=1e-4 * usual.abs().max().item(), rtol=0)


def test_a_pickle_without_the_module_is_refused(tmp_path):
    file = tmp_path / "face_recognition_mv.pkl"
    torch.save({"weight": torch.zeros(2)}, file)
    with pytest.raises(WeightsError, match="no pickled module"):
        convert(file)


def unfolded(tensors: dict[str, Tensor], images: Tensor) -> Tensor:
    """Run the network as its authors wrote it: (N, 3, 112, 112), blue first, about [-1, 1] -> (N, 512)."""

    def norm(name: str, features: Tensor) -> Tensor:
        mean, variance, scale, shift = (
            tensors[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(features, mean, variance, scale, shift)

    def linear(name: str, features: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        kernel = tensors[f"{name}.conv.weight"]
        features = F.conv2d(features, kernel, None, stride, padding, groups=features.shape[1] // kernel.shape[1])
        return norm(f"{name}.bn", features)

    def block(name: str, features: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.prelu(linear(name, features, stride, padding), tensors[f"{name}.prelu.weight"])

    features = block("conv1", images, 2, 1)
    features = block("conv2_dw", features, 1, 1)
    for name in LAYERS:
        residual = ".model." in name
        inner = block(f"{name}.conv_dw", block(f"{name}.conv", features), 1 if residual else 2, 1)
        inner = linear(f"{name}.project", inner)
        features = features + inner if residual else inner
    features = linear("conv_6_dw", block("conv_6_sep", features)).flatten(1)
    return norm("bn", features @ tensors["linear.weight"].t())

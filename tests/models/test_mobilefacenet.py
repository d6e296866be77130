import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cloak.models import fetch, load_recogniser
from cloak.models.networks.mobilefacenet import FrozenPReLU, PairedConv, Pointwise
from cloak.models.registry import Profile

SIZE = 112


@pytest.fixture(scope="module")
def network():
    return load_recogniser("arcface_mbf", profile=Profile.RESEARCH).network


def test_it_equals_onnxruntime_on_real_faces(network, crops):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    original = onnxruntime.InferenceSession(fetch.fetch_raw("arcface_mbf"), options, providers=["CPUExecutionProvider"])
    faces = crops(SIZE).float()
    images = ((faces - 127.5) / 127.5).numpy()
    expected = torch.cat([torch.from_numpy(original.run(None, {"input.1": image[None]})[0]) for image in images])

    found = network(faces / 255)

    assert F.cosine_similarity(found, expected).min() > 0.99999
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)  # of values up to 4


def test_it_matches_its_golden_answer(network, matches_golden):
    matches_golden("arcface_mbf", network, SIZE)


def test_memory_format_does_not_change_the_answer(network, crops):
    faces = crops(SIZE) / 255
    last = network(faces.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, network(faces), atol=1e-4, rtol=0)


def test_a_face_alone_has_the_embedding_it_has_in_a_batch(network, crops):
    faces = crops(SIZE) / 255
    alone = torch.cat([network(face[None]) for face in faces])
    torch.testing.assert_close(alone, network(faces), atol=1e-4, rtol=0)


def test_its_gradient_predicts_how_the_embedding_changes(network, crops):
    faces = (crops(SIZE)[:1] / 255).requires_grad_()
    embedding = network(faces)
    direction = embedding.detach() / embedding.detach().norm()
    (gradient,) = torch.autograd.grad((embedding * direction).sum(), faces)
    step = 1e-3 * gradient / gradient.norm()
    with torch.no_grad():
        change = ((network(faces + step) - network(faces - step)) * direction).sum()
    torch.testing.assert_close(change, 2e-3 * gradient.norm(), rtol=0.02, atol=0)


def test_the_frozen_prelu_has_the_derivatives_of_prelu():
    frozen = FrozenPReLU(3).double().requires_grad_(False)
    frozen.weight.copy_(torch.tensor([-0.5, 0.25, 1.5]))
    features = torch.linspace(-2, 2, 2 * 3 * 4, dtype=torch.float64).view(2, 3, 2, 2).requires_grad_()
    torch.testing.assert_close(frozen(features), F.prelu(features, frozen.weight))
    assert torch.autograd.gradcheck(frozen, features)
    assert torch.autograd.gradgradcheck(frozen, features)


def test_the_slopes_of_a_prelu_can_still_be_trained():
    trained = FrozenPReLU(3)
    trained(-torch.ones(1, 3, 2, 2)).sum().backward()
    torch.testing.assert_close(trained.weight.grad, torch.full((3,), -4.0))


@pytest.mark.parametrize(("fast", "plain"), [
    (Pointwise(6, 4), nn.Conv2d(6, 4, 1)),
    (PairedConv(6), nn.Conv2d(6, 6, 3, padding=1, groups=3)),
])  # fmt: skip
def test_the_fast_convolutions_equal_plain_ones(fast, plain):
    fast.load_state_dict(plain.state_dict())
    features = torch.rand(2, 6, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fast(features), plain(features))

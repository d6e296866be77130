import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from cloak.models import fetch, load_recogniser
from cloak.models.registry import Profile

SIZE = 112


@pytest.fixture(scope="module")
def network():
    return load_recogniser("edgeface_s", profile=Profile.RESEARCH).network


def test_it_equals_onnxruntime_on_real_faces(network, crops):
    original = onnxruntime.InferenceSession(fetch.fetch_raw("edgeface_s"), providers=["CPUExecutionProvider"])
    faces = crops(SIZE).float()
    images = ((faces - 127.5) / 127.5).numpy()
    # One at a time: the export holds a batch size of one.
    expected = torch.cat([torch.from_numpy(original.run(None, {"data": image[None]})[0]) for image in images])

    found = network(faces / 255)

    assert F.cosine_similarity(found, expected).min() > 0.99999
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)  # of values up to 4


def test_it_matches_its_golden_answer(network, matches_golden):
    matches_golden("edgeface_s", network, SIZE)


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

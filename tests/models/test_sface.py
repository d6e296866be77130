import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from cloak.models import fetch, load_recogniser

SIZE = 112


@pytest.fixture(scope="module")
def network():
    return load_recogniser("sface").network


def test_it_equals_onnxruntime_on_real_faces(network, crops):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    original = onnxruntime.InferenceSession(fetch.fetch_raw("sface"), options, providers=["CPUExecutionProvider"])
    faces = crops(SIZE).float()
    expected = torch.cat([torch.from_numpy(original.run(None, {"data": face[None].numpy()})[0]) for face in faces])

    found = network(faces / 255)

    assert F.cosine_similarity(found, expected).min() > 0.99999
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)  # of values up to 3


def test_it_matches_its_golden_answer(network, matches_golden):
    matches_golden("sface", network, SIZE)


def test_memory_format_does_not_change_the_answer(network, crops):
    faces = crops(SIZE) / 255
    last = network(faces.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, network(faces), atol=1e-4, rtol=0)

import dlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cloak.errors import WeightsError
from cloak.models import fetch, load_recogniser
from cloak.models.networks.dlib_resnet import convert

SIZE = 150


@pytest.fixture(scope="module")
def network():
    return load_recogniser("dlib").network


def test_it_equals_dlib_on_real_faces(network, crops):
    original = dlib.face_recognition_model_v1(str(fetch.fetch_raw("dlib")))
    faces = crops(SIZE)
    chips = [np.ascontiguousarray(face.permute(1, 2, 0).numpy()) for face in faces]
    expected = torch.tensor([list(original.compute_face_descriptor(chip)) for chip in chips])

    found = network(faces / 255)

    assert F.cosine_similarity(found, expected).min() > 0.99999
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)  # of values up to 0.4


def test_it_matches_its_golden_answer(network, matches_golden):
    matches_golden("dlib", network, SIZE)


def test_memory_format_does_not_change_the_answer(network, crops):
    faces = crops(SIZE) / 255
    last = network(faces.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, network(faces), atol=1e-5, rtol=0)


def test_another_network_of_dlib_is_refused(tmp_path):
    whole = fetch.fetch_raw("dlib").read_bytes()
    first_layer_missing = tmp_path / "network.dat"
    first_layer_missing.write_bytes(whole[19381:])  # from the first affine layer on
    with pytest.raises(WeightsError, match="expected a con layer with 4736 values, found affine"):
        convert(first_layer_missing)

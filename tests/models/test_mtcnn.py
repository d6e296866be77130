"""The golden answers are those of facenet-pytorch 2.6.0's own code, for networks and whole photos alike."""

import json

import pytest
import torch

from cloak.errors import ShapeError, UsageError, WeightsError
from cloak.evaluation.mtcnn import MtcnnFinder
from cloak.image.codec import decode
from cloak.models import fetch, load_detector, load_network
from cloak.models.networks.mtcnn import OutputNet, ProposalNet, RefineNet
from cloak.models.readers.pickled import read_torch

from .conftest import DATA, EXAMPLES, FACES

KINDS = {"mtcnn_p": ProposalNet, "mtcnn_r": RefineNet, "mtcnn_o": OutputNet}
GOLDEN = json.loads((DATA / "golden_mtcnn.json").read_text())


@pytest.fixture(params=KINDS)
def name(request):
    return request.param


@pytest.fixture
def network(name):
    return load_network(name, KINDS[name])


def test_it_answers_as_the_original_does(name, network):
    side = 20 if name == "mtcnn_p" else network.side
    pattern = torch.linspace(0, 400, 2 * 3 * side * side, dtype=torch.float64).sin().mul(0.5).add(0.5)
    answer = network(pattern.float().view(2, 3, side, side))
    for field, expected in GOLDEN[name].items():
        found = getattr(answer, field)
        torch.testing.assert_close(found, torch.tensor(expected).view_as(found), atol=1e-4, rtol=0)


@pytest.mark.parametrize("photo", FACES)
def test_faces_are_those_that_the_original_finds(photo):
    faces = MtcnnFinder().find(decode((EXAMPLES / photo).read_bytes()).pixels)
    expected = GOLDEN["photos"][photo]
    assert len(faces) == len(expected)
    for face, (score, box, landmarks) in zip(faces, expected, strict=True):
        assert face.score == pytest.approx(score, abs=1e-3)
        assert face.box == pytest.approx(box, abs=0.02)
        torch.testing.assert_close(face.landmarks, torch.tensor(landmarks), atol=0.02, rtol=0)


def test_the_weights_are_read_as_pytorch_reads_them(name):
    file = fetch.fetch_raw(name)
    expected = torch.load(file, weights_only=True)  # noqa: TID251 -- what the reader is compared with
    found = read_torch(file)
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_window_alone_gives_what_it_gives_in_a_batch(network):
    windows = torch.rand(3, 3, network.side, network.side, generator=torch.Generator().manual_seed(0))
    together = network(windows)
    for i in range(3):
        torch.testing.assert_close(network(windows[i : i + 1]).score[0], together.score[i], atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(3, 48, 48), (1, 1, 48, 48), (1, 3, 11, 48)])
def test_other_shapes_are_refused(network, shape):
    with pytest.raises(ShapeError, match=r"\(N, 3, "):
        network(torch.zeros(shape))


def test_another_network_is_not_taken_for_it(name, tmp_path):
    other = tmp_path / "other.pt"
    for content in ({"weight": torch.zeros(2)}, {"weight": 1}, [torch.zeros(2)]):
        torch.save(content, other)
        with pytest.raises(WeightsError, match="it is another network"):
            KINDS[name].convert(other)


def test_cloaks_cannot_be_made_with_it(name):
    with pytest.raises(UsageError, match="not by YuNet"):
        load_detector(name)

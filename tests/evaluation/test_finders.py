import pytest
import torch

from cloak.errors import ShapeError, UsageError
from cloak.evaluation.finders import crop, open_finder
from cloak.faces.central import central
from cloak.faces.geometry import similarity, warp
from cloak.image.codec import decode
from cloak.models import artifact
from cloak.models.registry import Use

NAMES = ("yunet", "scrfd", "mtcnn")
COUNTS = {"collins.png": 1, "phone.jpg": 1, "workers.jpg": 3}


@pytest.fixture(scope="module", params=NAMES)
def finder(request):
    return open_finder(request.param)


@pytest.fixture(scope="module")
def reference():
    return open_finder("yunet")


@pytest.fixture
def photos(examples):
    return {name: decode((examples / name).read_bytes()).pixels for name in COUNTS}


def far(one, other):
    """Return the mean distance of two faces' landmarks in sizes of the face: some are in profile."""
    return float((one.landmarks - other.landmarks).norm(dim=1).mean() / one.size)


def test_every_face_of_the_examples_is_found_largest_first(finder, photos):
    for name, pixels in photos.items():
        faces = finder.find(pixels)
        assert len(faces) == COUNTS[name], name
        assert [face.size for face in faces] == sorted((face.size for face in faces), reverse=True)
        assert all(0.5 <= face.score <= 1 for face in faces)


def test_detectors_agree_where_a_face_is(finder, reference, photos):
    for name, pixels in photos.items():
        faces = finder.find(pixels)
        for expected in reference.find(pixels):
            assert min(far(expected, face) for face in faces) < 0.15, name


def test_a_photo_moved_by_some_pixels_moves_the_landmarks(finder, photos):
    pixels = photos["collins.png"]
    before = central(finder.find(pixels), pixels)
    moved = torch.zeros_like(pixels)
    moved[:, 16:, 32:] = pixels[:, :-16, :-32]
    after = central(finder.find(moved), moved)
    shift = (after.landmarks - before.landmarks).mean(0)
    torch.testing.assert_close(shift, torch.tensor([32.0, 16.0]), atol=1.0, rtol=0)


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 1, 900), (3, 700, 3)])
def test_nothing_is_found_where_nothing_is(finder, shape):
    assert finder.find(torch.full(shape, 127, dtype=torch.uint8)) == []


def test_what_is_no_photo_is_refused(finder):
    with pytest.raises(ShapeError, match="uint8"):
        finder.find(torch.zeros(3, 64, 64))


def test_each_has_a_key_of_its_own():
    finders = [open_finder(name) for name in NAMES]
    assert [finder.name for finder in finders] == list(NAMES)
    assert len({finder.key for finder in finders}) == len(NAMES)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="yunet, scrfd, mtcnn"):
        open_finder("no-such-detector")


@pytest.mark.parametrize("name", ["scrfd_500m", "mtcnn_p", "mtcnn_r", "mtcnn_o"])
def test_what_judges_is_not_what_cloaks_are_made_with(name):
    assert artifact(name).profile is Use.VICTIM


def test_a_crop_has_the_face_where_its_landmarks_say(finder, photos):
    pixels = photos["workers.jpg"]
    face = finder.find(pixels)[0]
    cut = crop(pixels, face)
    template = torch.tensor([[30.0, 30], [66, 30], [48, 50], [34, 66], [62, 66]])
    there, here = (
        warp(image[None].float(), similarity(marks[None], template), 96)
        for image, marks in ((pixels, face.landmarks), (cut.pixels, cut.landmarks))
    )
    torch.testing.assert_close(here, there, atol=0.5, rtol=0)


def test_no_face_is_central_in_a_photo_without_any():
    assert central([], torch.zeros(3, 8, 8, dtype=torch.uint8)) is None

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from cloak.errors import ConfigError, ShapeError
from cloak.faces import Detector
from cloak.models import load_detector

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def detector():
    return Detector.from_pretrained()


def _open(name) -> Image.Image:
    with Image.open(EXAMPLES / name) as photo:
        return ImageOps.exif_transpose(photo).convert("RGB")


def _tensor(image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


@pytest.fixture(scope="module")
def portrait():
    """A photo of one person, the face about 130 pixels high."""
    return _open("collins.png")


@pytest.fixture(scope="module")
def face(detector, portrait):
    (found,) = detector.detect([_tensor(portrait)])[0]
    return found


def _error(found, expected) -> float:
    """Mean distance of landmarks in eye distances."""
    eyes = (expected[0] - expected[1]).norm()
    return float((found - expected).norm(dim=1).mean() / eyes)


def test_landmarks_are_in_image_order_inside_the_box(face):
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks.tolist()
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    left, top, right, bottom = face.box
    assert all(left < x < right and top < y < bottom for x, y in face.landmarks.tolist())
    assert face.landmarks.dtype == torch.float32
    assert 0.7 <= face.score <= 1


def test_faces_come_largest_first_and_all_of_a_group_are_found(detector):
    faces = detector.detect([_tensor(_open("workers.jpg"))])[0]
    assert len(faces) >= 3
    assert [one.size for one in faces] == sorted((one.size for one in faces), reverse=True)


def test_a_photo_alone_gives_what_it_gives_in_a_batch(detector, portrait):
    photos = [_tensor(portrait), _tensor(_open("workers.jpg")), _tensor(portrait.resize((200, 260)))]
    together = detector.detect(photos)
    assert len(together) == 3
    for photo, faces in zip(photos, together, strict=True):
        (alone,) = detector.detect([photo])
        assert [(one.box, one.score, one.landmarks.tolist()) for one in alone] == [
            (one.box, one.score, one.landmarks.tolist()) for one in faces
        ]


def test_how_many_windows_go_through_the_network_at_once_changes_nothing(portrait, face):
    other = Detector(load_detector(), batch_pixels=1)
    (found,) = other.detect([_tensor(portrait)])[0]
    torch.testing.assert_close(found.landmarks, face.landmarks, atol=0.05, rtol=0)


@pytest.mark.parametrize("angle", [-45, -30, -15, 15, 30, 45])
def test_a_turned_face_is_found_with_its_landmarks(detector, portrait, face, angle):
    middle = face.landmarks.mean(0)
    turned = portrait.rotate(angle, Image.Resampling.BICUBIC, center=tuple((middle + 0.5).tolist()))
    found = detector.detect([_tensor(turned)])[0]
    radians = torch.tensor(angle).deg2rad()
    rotation = torch.stack([torch.stack([radians.cos(), radians.sin()]), torch.stack([-radians.sin(), radians.cos()])])
    expected = (face.landmarks - middle) @ rotation.T + middle
    assert min(_error(one.landmarks, expected) for one in found) < 0.1


def test_landmarks_stay_where_they_are_when_the_photo_is_enlarged_or_shrunk(detector, portrait, face):
    for size in ((portrait.width * 4, portrait.height * 4), (portrait.width // 2, portrait.height // 2)):
        scale = torch.tensor(size) / torch.tensor(portrait.size)
        found = detector.detect([_tensor(portrait.resize(size, Image.Resampling.BICUBIC))])[0][0]
        assert _error((found.landmarks + 0.5) / scale - 0.5, face.landmarks) < 0.1


def test_a_face_of_24_pixels_is_found(detector, portrait, face):
    factor = 24 / face.size
    small = portrait.resize((round(portrait.width * factor), round(portrait.height * factor)), Image.Resampling.BOX)
    (found,) = detector.detect([_tensor(small)])[0]
    assert _error((found.landmarks + 0.5) / factor - 0.5, face.landmarks) < 0.2


@pytest.mark.parametrize("enlarge", [1, 8])
def test_a_face_that_fills_the_photo_is_found(detector, portrait, face, enlarge):
    close = portrait.crop([round(v) for v in face.box])
    close = close.resize((close.width * enlarge, close.height * enlarge), Image.Resampling.BICUBIC)
    (found,) = detector.detect([_tensor(close)])[0]
    assert found.size > 0.7 * close.height


def test_faces_in_every_part_of_a_large_photo_are_found(detector, portrait, face):
    """Some of them lie across the edges of tiles."""
    side = round(face.size * 1.2)
    middle = [round(v) for v in ((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)]
    left, top = middle[0] - side // 2, middle[1] - side // 2
    cut = portrait.crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.BOX)
    canvas = Image.new("RGB", (2000, 1500), (120, 130, 110))
    places = [(x, y) for x in range(0, 1936, 97) for y in range(0, 1436, 353)]
    for place in places:
        canvas.paste(cut, place)
    found = detector.detect([_tensor(canvas)])[0]
    assert len(found) == len(places)
    centres = torch.stack([one.landmarks.mean(0) for one in found])
    for x, y in places:
        assert (centres - torch.tensor([x + 32.0, y + 32.0])).norm(dim=1).min() < 16


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (3, 31), (33, 40), (20, 3000)])
def test_photos_too_small_for_a_face_have_none(detector, size):
    pixels = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert detector.detect([pixels]) == [[]]


def test_no_photos_have_no_faces(detector):
    assert detector.detect([]) == []


def test_the_photo_is_not_changed(detector, portrait):
    pixels = _tensor(portrait).clone()
    before = pixels.clone()
    detector.detect([pixels])
    assert torch.equal(pixels, before)


def test_landmarks_can_be_part_of_a_gradient(face):
    weights = torch.ones(5, 2, requires_grad=True)
    (weights * face.landmarks).sum().backward()
    assert torch.equal(weights.grad, face.landmarks)


def test_other_tensors_are_refused(detector):
    with pytest.raises(ShapeError, match="uint8"):
        detector.detect([torch.zeros(3, 64, 64)])


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 1.1}, {"overlap": -1}, {"batch_pixels": 0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="got"):
        Detector(load_detector(), **wrong)

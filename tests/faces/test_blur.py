"""Blurred faces: gone for good, and nothing else touched."""

from dataclasses import replace

import pytest
import torch

from cloak.faces.blur import BLOCKS, REGION, SOLID, blur
from cloak.faces.detect import Detector
from cloak.faces.embed import embed
from cloak.image.codec import decode
from cloak.models import WITNESS, load_recogniser
from cloak.photo import Face, Photo


@pytest.fixture
def photo(examples) -> Photo:
    return decode((examples / "workers.jpg").read_bytes())


def _face(left: float, top: float, right: float, bottom: float) -> Face:
    return Face(box=(left, top, right, bottom), landmarks=torch.zeros(5, 2), score=1.0)


def _radius(photo: Photo, face: Face) -> torch.Tensor:
    """Distance of each pixel from the middle of the box, in sides of the box."""
    left, top, right, bottom = face.box
    y = (torch.arange(photo.height) - (top + bottom) / 2) / (bottom - top)
    x = (torch.arange(photo.width) - (left + right) / 2) / (right - left)
    return (y.square()[:, None] + x.square()).sqrt()


def test_nothing_outside_the_ellipse_is_changed_and_the_photo_given_is_not(photo):
    before = photo.pixels.clone()
    face = _face(150.0, 50.0, 200.0, 110.0)
    after = blur(photo, [face]).pixels
    changed = (after != before).any(0)
    assert changed.any()
    assert not (changed & (_radius(photo, face) > REGION)).any()
    assert torch.equal(photo.pixels, before)
    assert blur(photo, []) is photo


def test_whatever_was_in_a_block_only_its_mean_is_left(photo):
    """Shuffle the pixels of every block: the solid ellipse comes out the same, so nothing but means is in it."""
    side = 10 * BLOCKS / (2 * REGION)  # blocks of ten pixels, which start at whole ones
    middle = 150 + 5 * BLOCKS
    face = _face(middle - side / 2, middle - side / 2, middle + side / 2 - 1e-3, middle + side / 2 - 1e-3)
    shuffled = photo.pixels.clone()
    chance = torch.Generator().manual_seed(1)
    for row in range(150, 150 + 10 * BLOCKS, 10):
        for column in range(150, 150 + 10 * BLOCKS, 10):
            block = shuffled[:, row : row + 10, column : column + 10]
            block.copy_(block.reshape(3, -1)[:, torch.randperm(100, generator=chance)].reshape(3, 10, 10))
    solid = _radius(photo, face) < SOLID
    one, other = (blur(each, [face]).pixels for each in (photo, replace(photo, pixels=shuffled)))
    assert (photo.pixels != shuffled)[:, solid].float().mean() > 0.5
    assert torch.equal(one[:, solid], other[:, solid])


def test_blocks_are_no_finer_on_large_faces_or_at_the_edge_of_a_photo(photo):
    noise = torch.randint(0, 256, (3, 700, 700), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    for face in (_face(100, 100, 500, 500), _face(-250, -200, 150, 250), _face(-900, -900, -800, -800)):
        after = blur(replace(photo, pixels=noise, alpha=None), [face]).pixels.float()
        solid = _radius(replace(photo, pixels=noise, alpha=None), face) < SOLID
        rows = solid[1:] & solid[:-1]
        if rows.any():  # noise is gone: neighbours are alike
            assert (after[:, 1:] - after[:, :-1]).abs()[:, rows].max() <= 4
        else:
            assert torch.equal(after, noise.float())


def test_no_recogniser_knows_a_blurred_face(examples):
    detector, witness = Detector.from_pretrained(), load_recogniser(WITNESS)
    for name in ("collins.png", "phone.jpg", "workers.jpg"):
        photo = decode((examples / name).read_bytes())
        faces = detector.detect([photo.pixels])[0]
        before, after = (embed(each.pixels, faces, witness) for each in (photo, blur(photo, faces)))
        assert (before * after).sum(1).max() < witness.thresholds[1e-3]

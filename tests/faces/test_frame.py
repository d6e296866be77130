import pytest
import torch

from cloak.container import Container, Encoding
from cloak.errors import ShapeError
from cloak.faces.composite import composite
from cloak.faces.frame import REGION, frame
from cloak.photo import Face, Photo


def photo(height=300, width=400, seed=0):
    pixels = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return Photo(pixels=pixels, encoding=Encoding(container=Container.PNG))


def face(left, top, width, height):
    points = torch.tensor([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])
    landmarks = points * torch.tensor([float(width), float(height)]) + torch.tensor([float(left), float(top)])
    return Face(box=(left, top, left + width, top + height), landmarks=landmarks, score=0.9)


SMALL, LARGE, EDGE = face(100, 80, 60, 80), face(20, 10, 210, 260), face(-10, 200, 70, 90)


def test_a_face_that_fits_is_cut_out_pixel_for_pixel():
    source = photo()
    (batch,) = frame([source], [[SMALL]])
    left, top = batch.to_photo[0, :, 2].long().tolist()
    size = batch.crops.shape[-1]
    window = source.pixels[:, top : top + size, left : left + size].float() / 255
    assert batch.to_photo[0, 0, 0] == 1
    assert torch.equal(batch.crops[0], window)


def test_landmarks_and_boxes_map_back_to_the_photo():
    for batch in frame([photo()], [[SMALL, LARGE, EDGE]]):
        for row in range(len(batch)):
            points = batch.landmarks[row] @ batch.to_photo[row, :, :2].T + batch.to_photo[row, :, 2]
            originals = torch.stack([f.landmarks for f in (SMALL, LARGE, EDGE)])
            assert (originals - points).abs().flatten(1).amax(1).min() < 1e-3


def test_faces_of_many_photos_share_a_batch_and_remember_their_photo():
    (batch,) = frame([photo(), photo(seed=1)], [[SMALL, EDGE], [SMALL]])
    assert batch.photo.tolist() == [0, 0, 1]


@pytest.mark.parametrize("subject", [SMALL, LARGE, EDGE], ids=["small", "large", "over the photo's edge"])
def test_composite_changes_nothing_outside_the_box_enlarged_by_a_quarter(subject):
    source = photo()
    (batch,) = frame([source], [[subject]])
    deltas = (torch.rand_like(batch.crops) - 0.5) * batch.masks
    changed = (composite(source.pixels, batch, deltas, 0) != source.pixels).any(0)
    rows, columns = changed.nonzero().T
    left, top, right, bottom = subject.box
    spare_x, spare_y = (right - left) / 8, (bottom - top) / 8
    assert changed.any()
    assert columns.min() >= left - spare_x
    assert columns.max() <= right + spare_x
    assert rows.min() >= top - spare_y
    assert rows.max() <= bottom + spare_y


def test_the_region_is_no_larger_than_promised():
    assert REGION <= 1.25


def test_composite_adds_the_delta_exactly_at_native_resolution():
    source = photo()
    (batch,) = frame([source], [[SMALL]])
    deltas = (batch.masks > 0) * torch.full_like(batch.crops, 7 / 255)
    result = composite(source.pixels, batch, deltas, 0)
    inside = result != source.pixels
    assert (result.int() - source.pixels.int())[inside].amax() == 7


def test_composite_of_zero_is_the_same_photo():
    source = photo()
    for batch in frame([source], [[SMALL, LARGE, EDGE]]):
        for row in range(len(batch)):
            assert torch.equal(composite(source.pixels, batch, torch.zeros_like(batch.crops), row), source.pixels)


def test_a_large_face_gets_its_delta_at_the_right_place():
    flat = Photo(pixels=torch.full((3, 800, 800), 128, dtype=torch.uint8), encoding=Encoding(container=Container.PNG))
    subject = face(150, 100, 400, 500)
    (batch,) = frame([flat], [[subject]])
    deltas = torch.zeros_like(batch.crops)
    x, y = batch.landmarks[0, 2].round().long().tolist()
    deltas[0, :, y - 1 : y + 2, x - 1 : x + 2] = 0.2
    changed = (composite(flat.pixels, batch, deltas, 0)[0].float() - 128).clamp_min(0)
    rows, columns = torch.meshgrid(torch.arange(800.0), torch.arange(800.0), indexing="ij")
    centre = torch.tensor([(columns * changed).sum(), (rows * changed).sum()]) / changed.sum()
    assert (centre - subject.landmarks[2]).abs().max() < float(batch.to_photo[0, 0, 0])


def test_boxes_end_where_the_photo_does():
    (batch,) = frame([photo()], [[EDGE]])
    to_photo = batch.to_photo[0]
    corners = batch.boxes[0].reshape(2, 2) * to_photo[0, 0] + to_photo[:, 2]
    torch.testing.assert_close(corners, torch.tensor([[0.0, 200.0], [60.0, 290.0]]))


def _reaches(source, faces):
    """Say for each face which pixels of a photo its cloak may change: bool (N, H, W)."""
    reached = []
    for batch in frame([source], [faces]):
        flat = torch.full((3, source.height, source.width), 100, dtype=torch.uint8)
        reached += [
            (composite(flat, batch, batch.masks.expand_as(batch.crops), row) != flat)[0] for row in range(len(batch))
        ]
    return torch.stack(reached)


def test_no_two_faces_may_change_the_same_pixel():
    cheek_by_cheek = [face(100, 80, 60, 80), face(152, 90, 62, 80), face(120, 150, 50, 64)]
    assert (_reaches(photo(), cheek_by_cheek).sum(0) <= 1).all()


def test_each_of_two_faces_side_by_side_keeps_its_own_half():
    alone = _reaches(photo(), [SMALL])[0]
    mine, other = _reaches(photo(), [SMALL, face(160, 80, 60, 80)])
    assert mine[80:160, 100:157].all()
    assert other[80:160, 163:220].all()
    assert not (mine & ~alone).any()


def test_a_face_that_is_far_from_others_may_change_as_much_as_alone():
    (alone,) = frame([photo()], [[SMALL]])
    (batch,) = frame([photo()], [[SMALL, face(200, 80, 60, 80)]])
    assert torch.equal(batch.masks[0], alone.masks[0])


def test_deltas_of_another_shape_are_refused():
    source = photo()
    (batch,) = frame([source], [[SMALL]])
    with pytest.raises(ShapeError):
        composite(source.pixels, batch, torch.zeros(1, 3, 8, 8), 0)

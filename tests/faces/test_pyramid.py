import pytest
import torch

from cloak.faces import geometry
from cloak.faces.pyramid import OVERLAP, TILE, pyramid, windows


def _blob(height, width, centre) -> torch.Tensor:
    """A photo that is black but for a soft spot."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    squares = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    return (250 * torch.exp(-squares / (2 * 12.0**2))).byte().expand(3, -1, -1).contiguous()


def _covered(window, points) -> torch.Tensor:
    """Which of the photo's points (K, 2) lie in a window."""
    inside = geometry.apply(geometry.invert(window.to_photo[None]), points[None])[0]
    _, height, width = window.pixels.shape
    return ((inside >= 0) & (inside <= torch.tensor([width - 1, height - 1]))).all(1)


@pytest.mark.parametrize("size", [(300, 401), (901, 1403)])
def test_every_window_says_where_in_the_photo_it_lies_to_a_fraction_of_a_pixel(size):
    height, width = size
    spot = torch.tensor([width * 0.53, height * 0.47])
    checked = 0
    for window in windows(pyramid(_blob(height, width, spot))):
        around = spot + 60 * torch.tensor([[-1.0, -1], [1, -1], [-1, 1], [1, 1]])
        if geometry.scale_of(window.to_photo[None]) > 4 or not _covered(window, around).all():
            continue  # a part of the spot only, or too few pixels of it
        weights = window.pixels[0].double()
        y, x = torch.meshgrid(torch.arange(weights.shape[0]), torch.arange(weights.shape[1]), indexing="ij")
        middle = torch.stack([(weights * x).sum(), (weights * y).sum()]).float() / weights.sum().float()
        found = geometry.apply(window.to_photo[None], middle[None, None])[0, 0]
        torch.testing.assert_close(found, spot, atol=0.15, rtol=0)
        checked += 1
    assert checked >= 6  # upright and turned, at more than one level


@pytest.mark.parametrize("size", [(700, 1300), (2000, 640), (641, 3000)])
def test_upright_windows_show_every_small_square_whole(size):
    height, width = size
    photo = torch.zeros(3, *size, dtype=torch.uint8)
    unscaled = [one for one in windows(pyramid(photo)) if torch.equal(one.to_photo[:, :2], torch.eye(2))]
    assert all(max(one.pixels.shape[1:]) <= TILE for one in unscaled)
    for left in range(0, width - OVERLAP, 31):
        for top in range(0, height - OVERLAP, 31):
            corners = torch.tensor([[left, top], [left + OVERLAP - 1, top + OVERLAP - 1]]).float()
            assert any(_covered(one, corners).all() for one in unscaled)


def test_turned_windows_of_a_panorama_are_made_only_where_there_is_something():
    views = list(windows(pyramid(torch.full((3, 20, 10_000), 200, dtype=torch.uint8))))
    assert sum(bool(one.pixels.any()) for one in views) > 0.9 * len(views)
    assert len(views) < 400  # the turned canvases alone would be more than 1,500


def test_the_photo_is_halved_until_it_is_small():
    sides = [max(level.pixels.shape[1:]) for level in pyramid(torch.zeros(3, 500, 1000, dtype=torch.uint8))]
    assert sides == [1000, 500, 250, 125]

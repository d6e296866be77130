import math

import pytest
import torch

from cloak.errors import ShapeError
from cloak.faces import geometry


def turned(points, *, angle, scale, shift):
    turn = scale * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return points @ turn.T + torch.tensor(shift)


@pytest.fixture
def points():
    return torch.rand(3, 5, 2, generator=torch.Generator().manual_seed(1)) * 100


def test_similarity_recovers_a_known_similarity(points):
    target = turned(points, angle=0.7, scale=1.8, shift=[5.0, -3.0])
    torch.testing.assert_close(geometry.apply(geometry.similarity(points, target), points), target, atol=1e-3, rtol=0)


def test_similarity_never_mirrors(points):
    mirrored = points * torch.tensor([-1.0, 1.0])
    assert (torch.linalg.det(geometry.similarity(points, mirrored)[:, :, :2]) > 0).all()


def test_similarity_is_the_least_squares_one(points):
    target = turned(points, angle=-0.2, scale=0.4, shift=[1.0, 2.0]) + torch.randn(3, 5, 2) * 2
    best = geometry.similarity(points, target)

    def error(matrices):
        return (geometry.apply(matrices, points) - target).square().sum()

    for _ in range(20):
        nudge = geometry.similarity(points, target + torch.randn(3, 5, 2) * 0.1)
        assert error(best) <= error(nudge) + 1e-3


def test_invert_and_compose_cancel(points):
    matrices = geometry.similarity(points, turned(points, angle=0.3, scale=2.0, shift=[9.0, 9.0]))
    unit = geometry.compose(geometry.invert(matrices), matrices)
    torch.testing.assert_close(unit, torch.eye(2, 3).expand(3, 2, 3), atol=1e-4, rtol=0)


def test_warp_by_the_unit_leaves_images_alone():
    images = torch.rand(2, 3, 17, 17)
    torch.testing.assert_close(geometry.warp(images, torch.eye(2, 3).expand(2, 2, 3), 17), images)


def test_warp_moves_a_pixel_to_where_the_matrix_says():
    images = torch.zeros(1, 1, 20, 20)
    images[0, 0, 4, 6] = 1
    matrices = torch.tensor([[[1.0, 0.0, 3.0], [0.0, 1.0, 5.0]]])
    assert geometry.warp(images, matrices, 20)[0, 0, 9, 9] == pytest.approx(1)


@pytest.mark.parametrize("size", [32, 33])
def test_antialiased_warp_keeps_positions(size):
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    images = torch.stack([x, y])[None]
    matrices = torch.tensor([[[0.25, 0.0, 1.0], [0.0, 0.25, 2.0]]])
    plain = geometry.warp(images, matrices, size)[..., 4:28, 4:28]
    torch.testing.assert_close(geometry.warp(images, matrices, size, antialias=True)[..., 4:28, 4:28], plain)


def test_antialiased_warp_sees_every_pixel():
    images = torch.rand(1, 1, 96, 96, requires_grad=True)
    geometry.warp(images, torch.tensor([[[0.25, 0.0, 0.0], [0.0, 0.25, 0.0]]]), 24, antialias=True).sum().backward()
    assert (images.grad[..., 8:-8, 8:-8] > 0).all()


def test_warp_gradcheck():
    images = torch.rand(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    matrices = torch.tensor([[[0.9, -0.2, 0.3], [0.2, 0.9, 0.4]]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda i: geometry.warp(i, matrices, 5), [images])


def test_shapes_that_do_not_pair_are_refused(points):
    with pytest.raises(ShapeError):
        geometry.similarity(points, points[:, :4])
    with pytest.raises(ShapeError):
        geometry.warp(torch.rand(2, 3, 8, 8), torch.eye(2, 3)[None], 8)

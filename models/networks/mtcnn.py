"""MTCNN: three small networks that look for faces one after the other, each more exact and slower than the one before.

For evaluation alone: cloaks are made with another detector.

Source: Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks", IEEE
Signal Processing Letters; the layers are those of ``pnet.pt``, ``rnet.pt`` and ``onet.pt`` from facenet-pytorch (MIT).
"""

from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from cloak.errors import ShapeError, WeightsError
from cloak.models.readers.pickled import read_torch


class Windows(NamedTuple):
    """What a network says about windows of a photo: (N, ...) is (N,), but (N, rows, columns) for `ProposalNet`.

    Attributes:
        score: float32 (N, ...), probability in [0, 1] that the window holds a face.
        offset: float32 (N, 4, ...): left, top, right and bottom of the face from those of the window, in window sides.
        landmarks: float32 (N, 5, 2), from the window's upper left corner, in window sides; of `OutputNet` alone.
    """

    score: Tensor
    offset: Tensor
    landmarks: Tensor | None = None


class _Cascaded(nn.Module):
    """One of the three: layers in the order of the original's file, which is how `convert` finds their weights.

    Attributes:
        side: of the window that it looks at, pixels.
    """

    side: ClassVar[int]
    trunk: nn.Sequential

    def features(self, images: Tensor) -> Tensor:
        """Run the trunk on float (N, 3, H, W), RGB in [0, 1]."""
        features: Tensor = self.trunk((images * 255 - 127.5) / 128)
        return features

    @classmethod
    def convert(cls, path: Path) -> dict[str, Tensor]:
        """Read the weights from the original file.

        The original flattens features column by column, channels last: the weights behind are put into our order.

        Args:
            path: ``pnet.pt``, ``rnet.pt`` or ``onet.pt``.

        Returns:
            The state dict of this network.

        Raises:
            WeightsError: the file is damaged, or holds another network.
        """
        with torch.device("meta"):
            ours = cls().state_dict()
        found = read_torch(path)
        theirs = list(found.values()) if isinstance(found, dict) else []
        if [tensor.shape for tensor in ours.values()] != [getattr(tensor, "shape", None) for tensor in theirs]:
            raise WeightsError(f"{path} does not hold the layers of {cls.__name__}: it is another network")
        state = dict(zip(ours, (tensor.float() for tensor in theirs), strict=True))
        for name in (name for name, tensor in state.items() if name.startswith("trunk.") and tensor.ndim == 2):
            state[name] = state[name].unflatten(1, (3, 3, -1)).permute(0, 3, 2, 1).flatten(1)
        return {name: tensor.contiguous() for name, tensor in state.items()}


class ProposalNet(_Cascaded):
    """Looks at every second pixel of a photo, at one scale."""

    side = 12
    stride: ClassVar[int] = 2

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 10, 3), nn.PReLU(10), nn.MaxPool2d(2, 2, ceil_mode=True),
            nn.Conv2d(10, 16, 3), nn.PReLU(16),
            nn.Conv2d(16, 32, 3), nn.PReLU(32),
        )  # fmt: skip
        self.score = nn.Conv2d(32, 2, 1)
        self.offset = nn.Conv2d(32, 4, 1)

    def forward(self, images: Tensor) -> Windows:
        """Look at windows of 12 pixels, 2 pixels apart.

        Args:
            images: float (N, 3, H, W), RGB in [0, 1], H and W at least 12.

        Raises:
            ShapeError: images has another shape.
        """
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < self.side:
            raise ShapeError(f"ProposalNet takes (N, 3, H, W) from 12 pixels, got {tuple(images.shape)}: enlarge it")
        x = self.features(images)
        return Windows(self.score(x).softmax(1)[:, 1], self.offset(x))


class RefineNet(_Cascaded):
    """Looks at each proposal."""

    side = 24

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 28, 3), nn.PReLU(28), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(28, 48, 3), nn.PReLU(48), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(48, 64, 2), nn.PReLU(64),
            nn.Flatten(), nn.Linear(576, 128), nn.PReLU(128),
        )  # fmt: skip
        self.score = nn.Linear(128, 2)
        self.offset = nn.Linear(128, 4)

    def forward(self, windows: Tensor) -> Windows:
        """Look at windows: float (N, 3, 24, 24), RGB in [0, 1].

        Raises:
            ShapeError: windows has another shape.
        """
        _check(windows, self)
        x = self.features(windows)
        return Windows(self.score(x).softmax(1)[:, 1], self.offset(x))


class OutputNet(_Cascaded):
    """Looks at what is left, and sees landmarks."""

    side = 48

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 32, 3), nn.PReLU(32), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(32, 64, 3), nn.PReLU(64), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(64, 64, 3), nn.PReLU(64), nn.MaxPool2d(2, 2, ceil_mode=True),
            nn.Conv2d(64, 128, 2), nn.PReLU(128),
            nn.Flatten(), nn.Linear(1152, 256), nn.PReLU(256),
        )  # fmt: skip
        self.score = nn.Linear(256, 2)
        self.offset = nn.Linear(256, 4)
        self.landmarks = nn.Linear(256, 10)

    def forward(self, windows: Tensor) -> Windows:
        """Look at windows: float (N, 3, 48, 48), RGB in [0, 1].

        Raises:
            ShapeError: windows has another shape.
        """
        _check(windows, self)
        x = self.features(windows)
        landmarks = self.landmarks(x).unflatten(1, (2, 5)).mT  # five x, then five y
        return Windows(self.score(x).softmax(1)[:, 1], self.offset(x), landmarks)


def _check(windows: Tensor, network: _Cascaded) -> None:
    side = network.side
    if windows.ndim != 4 or windows.shape[1:] != (3, side, side):
        raise ShapeError(f"{type(network).__name__} takes (N, 3, {side}, {side}), got {tuple(windows.shape)}")

"""A generator of cloaks: one pass of a small U-Net from a face to a change of it.

Its output has two parts: a pattern that is the same for all faces, laid on by the landmarks, and what the network adds
for this face. The pattern is found in the first minutes of training, the rest takes long.

Source: the U-Net of Ronneberger et al. 2015; pixel shuffle of Shi et al. 2016; generators of perturbations in place of
a search for them: Poursaeed et al. 2018, "Generative Adversarial Perturbations".
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 4
"""Pixels that become channels, on each side: the network works on a quarter of the resolution."""

INPUTS = 7
"""Channels of the input: RGB, texture, mask, and where in the aligned face a pixel is (x, y)."""


class Residual(nn.Module):
    """Two convolutions beside a shortcut, without normalisation: a face comes out the same in any company."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Add something to features (N, width, H, W)."""
        out: Tensor = features + self.second(F.silu(self.first(F.silu(features))))
        return out


class Generator(nn.Module):
    """The network.

    Args:
        widths: channels at 1/4, 1/8 and 1/16 of the resolution.
        depths: residual blocks at each.
        pattern: side of the pattern that all faces share, in pixels of the aligned face.
    """

    def __init__(
        self, widths: Sequence[int] = (48, 72, 96), depths: Sequence[int] = (1, 1, 2), pattern: int = 144
    ) -> None:
        super().__init__()
        self.pattern = nn.Parameter(0.1 * torch.randn(3, pattern, pattern))
        self.stem = nn.Conv2d(INPUTS * BLOCK**2, widths[0], 1)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(high, low, 3, stride=2, padding=1) for high, low in pairs)
        self.encode = nn.ModuleList(_blocks(width, depth) for width, depth in zip(widths, depths, strict=True))
        self.up = nn.ModuleList(nn.Conv2d(low, high, 1) for high, low in pairs)
        self.decode = nn.ModuleList(_blocks(width, 1) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], 3 * BLOCK**2, 3, padding=1)
        nn.init.normal_(self.head.weight, std=1e-3)

    def forward(self, inputs: Tensor, grid: Tensor) -> Tensor:
        """Generate changes.

        Args:
            inputs: float (N, `INPUTS`, S, S), S a multiple of 16.
            grid: float (N, S, S, 2), where in the pattern each pixel is, in [-1, 1]; outside there is no pattern.

        Returns:
            float (N, 3, S, S), without any limit.
        """
        features = self.stem(F.pixel_unshuffle(inputs, BLOCK).contiguous(memory_format=torch.channels_last))
        skips = []
        for encode, down in zip(self.encode, [*self.down, None], strict=True):
            features = encode(features)
            if down is not None:
                skips.append(features)
                features = down(F.silu(features))
        for up, decode, skip in reversed(list(zip(self.up, self.decode, skips, strict=True))):
            features = decode(skip + F.interpolate(up(F.silu(features)), scale_factor=2.0, mode="nearest"))
        own = F.pixel_shuffle(self.head(F.silu(features)), BLOCK)
        shared = F.grid_sample(
            self.pattern.expand(len(inputs), -1, -1, -1), grid, padding_mode="zeros", align_corners=False
        )
        return own + shared


def _blocks(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(width) for _ in range(depth)))

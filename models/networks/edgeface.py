"""EdgeFace-S: EdgeNeXt with low-rank linear layers, trained for face recognition.

Features stay channels last in memory, so that the permutes between convolutions (N, C, H, W) and linear layers
(N, H, W, C) move nothing.

Source: George et al. 2023, "EdgeFace: Efficient Face Recognition Model for Edge Devices"; Maaz et al. 2022, "EdgeNeXt".
"""

import math
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.models.readers.onnx import read_initialisers

_WIDTHS = (48, 96, 160, 304)
_CONV_BLOCKS = (3, 2, 8, 2)
_KERNELS = (3, 5, 7, 9)
_SPLITS = (0, 2, 3, 4)
_HEADS = 8
_EPS = 1e-6


class LowRank(nn.Module):
    """Linear layer as the product of two narrow ones: (..., channels) -> (..., width)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        rank = max(2, min(channels, width) // 2)
        self.linear1 = nn.Linear(channels, rank, bias=False)
        self.linear2 = nn.Linear(rank, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply both factors."""
        out: Tensor = self.linear2(self.linear1(tokens))
        return out


class Mlp(nn.Module):
    """Two low-rank layers and a GELU: (..., C) -> (..., C). The block's layer scale is folded into the second."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = LowRank(width, 4 * width)
        self.fc2 = LowRank(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply the layers."""
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out


class ConvBlock(nn.Module):
    """Depthwise convolution, then a mixer of channels, with a shortcut: (N, C, H, W) -> the same shape."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, _EPS)
        self.mlp = Mlp(width)

    def forward(self, features: Tensor) -> Tensor:
        """Apply the block."""
        tokens = self.conv_dw(features).permute(0, 2, 3, 1)
        out: Tensor = features + self.mlp(self.norm(tokens)).permute(0, 3, 1, 2)
        return out


class CrossCovariance(nn.Module):
    """Attention between channels, not places: (N, T, C) -> (N, T, C). Its layer scale is folded into `proj`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = LowRank(width, 3 * width)
        self.temperature = nn.Parameter(torch.ones(_HEADS, 1, 1))
        self.proj = LowRank(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix the channels of every head by how they covary over the places."""
        count, places, width = tokens.shape
        qkv = self.qkv(tokens).view(count, places, 3, _HEADS, width // _HEADS)
        queries, keys, values = qkv.permute(2, 0, 3, 4, 1).unbind(0)
        weights = F.normalize(queries, dim=-1) @ F.normalize(keys, dim=-1).transpose(-2, -1)
        mixed = (weights * self.temperature).softmax(-1) @ values
        out: Tensor = self.proj(mixed.permute(0, 3, 1, 2).reshape(count, places, width))
        return out


class AttentionBlock(nn.Module):
    """Split depthwise transpose attention: (N, C, H, W) -> the same shape.

    Args:
        width: channels.
        splits: groups of channels; each but the last is convolved after the one before was added to it.
        places: H * W where positions are encoded, so that other sizes do not fit; 0 where they are not.
    """

    def __init__(self, width: int, splits: int, places: int) -> None:
        super().__init__()
        part = math.ceil(width / splits)
        self.convs = nn.ModuleList(nn.Conv2d(part, part, 3, padding=1, groups=part) for _ in range(splits - 1))
        self.positions = nn.Parameter(torch.zeros(1, places, width)) if places else None
        self.norm_xca = nn.LayerNorm(width, _EPS)
        self.xca = CrossCovariance(width)
        self.norm = nn.LayerNorm(width, _EPS)
        self.mlp = Mlp(width)

    def forward(self, features: Tensor) -> Tensor:
        """Apply the block."""
        parts = features.chunk(len(self.convs) + 1, 1)
        mixed = [self.convs[0](parts[0])]
        for conv, part in zip(self.convs[1:], parts[1:-1], strict=True):
            mixed.append(conv(mixed[-1] + part))
        grid = torch.cat([*mixed, parts[-1]], 1).permute(0, 2, 3, 1)
        tokens = grid.flatten(1, 2)
        if self.positions is not None:
            tokens = tokens + self.positions
        tokens = tokens + self.xca(self.norm_xca(tokens))
        out: Tensor = features + self.mlp(self.norm(tokens)).view_as(grid).permute(0, 3, 1, 2)
        return out


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def forward(self, features: Tensor) -> Tensor:
        """Normalise."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Stage(nn.Module):
    """Halve the resolution (not in the first stage), then blocks: (N, C, H, W) -> (N, width, H / 2, W / 2)."""

    def __init__(self, index: int) -> None:
        super().__init__()
        width = _WIDTHS[index]
        self.downsample: nn.Module = nn.Identity()
        blocks: list[nn.Module] = [ConvBlock(width, _KERNELS[index]) for _ in range(_CONV_BLOCKS[index])]
        if index > 0:
            self.downsample = nn.Sequential(
                ChannelNorm(_WIDTHS[index - 1], _EPS), nn.Conv2d(_WIDTHS[index - 1], width, 2, 2)
            )
            blocks.append(AttentionBlock(width, _SPLITS[index], places=14 * 14 if index == 1 else 0))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, features: Tensor) -> Tensor:
        """Apply the stage."""
        out: Tensor = self.blocks(self.downsample(features))
        return out


class Head(nn.Module):
    """Mean over the places, norm, projection: (N, 304, H, W) -> (N, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(_WIDTHS[-1], _EPS)
        self.fc = LowRank(_WIDTHS[-1], 512)

    def forward(self, features: Tensor) -> Tensor:
        """Apply the head."""
        out: Tensor = self.fc(self.norm(features.mean((2, 3))))
        return out


class EdgeFace(nn.Module):
    """EdgeFace-S (gamma 0.5): 112 px faces to 512 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, _WIDTHS[0], 4, 4), ChannelNorm(_WIDTHS[0], _EPS))
        self.stages = nn.Sequential(*(Stage(index) for index in range(4)))
        self.head = Head()

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 112, 112), RGB in [0, 1].

        Returns:
            float32 (N, 512), not normalised.
        """
        channels_last = (faces - 0.5).contiguous(memory_format=torch.channels_last)
        out: Tensor = self.head(self.stages(self.stem(channels_last)))
        return out


def convert(path: Path) -> dict[str, Tensor]:
    """Read `edgeface_s_gamma_05.onnx` into the state dict of `EdgeFace`.

    Most tensors kept their names. The matrices that the exporter transposed are numbered in the order of the graph,
    which is the order of our modules; the encoded positions were folded to a constant.

    Args:
        path: the ONNX file.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.
    """
    found = read_initialisers(path)
    state = {name.removeprefix("model."): tensor for name, tensor in found.items() if name.startswith("model.")}
    numbered = {int(name.rpartition("_")[2]): name for name in found if re.fullmatch(r"onnx::MatMul_\d+", name)}
    matrices = iter([found[numbered[number]].t() for number in sorted(numbered)])
    with torch.device("meta"):
        blank = EdgeFace()
    for name, module in blank.named_modules():
        if isinstance(module, nn.Linear) and f"{name}.weight" not in state:
            state[f"{name}.weight"] = next(matrices)
    state["stages.1.blocks.2.positions"] = found["/model/stages/stages.1/blocks/blocks.2/Transpose_1_output_0"]
    for scale, layer in (("gamma", "mlp.fc2.linear2"), ("gamma_xca", "xca.proj.linear2")):
        for name in [name for name in state if name.endswith(f".{scale}")]:
            gamma = state.pop(name)
            target = f"{name.removesuffix(scale)}{layer}"
            state[f"{target}.weight"] = state[f"{target}.weight"] * gamma.unsqueeze(1)
            state[f"{target}.bias"] = state[f"{target}.bias"] * gamma
    state["stem.0.weight"] = state["stem.0.weight"] * 2  # from [-1, 1] to the [-0.5, 0.5] of `forward`
    return {name: tensor.contiguous() for name, tensor in state.items()}

"""MobileFaceNet: the trunk that its variants share, and the ArcFace variant trained on WebFace600K.

Source: Chen et al. 2018, "MobileFaceNets: Efficient CNNs for Accurate Real-time Face Verification on Mobile Devices";
Deng et al. 2019, "ArcFace"; weights `w600k_mbf.onnx` of InsightFace.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.models.readers.onnx import read_initialisers


class FrozenPReLU(nn.PReLU):
    """PReLU whose backward pass costs one product where the slopes are frozen.

    PyTorch computes the gradient of the slopes even when nobody wants it; attacks run this backward hundreds of times.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        if self.weight.requires_grad or not torch.is_grad_enabled():
            return F.prelu(features, self.weight)
        out: Tensor = _Prelu.apply(features, self.weight.view(-1, 1, 1))
        return out


class _Prelu(torch.autograd.Function):
    """PReLU as a product with its own derivative, which is 1 or the slope."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, slopes: Tensor) -> Tensor:  # noqa: ANN401 -- PyTorch gives it no type
        derivative = torch.empty_like(features)
        torch.gt(features, 0, out=derivative)
        torch.addcmul(slopes, derivative, 1 - slopes, out=derivative)
        ctx.save_for_backward(derivative)
        return features * derivative

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (derivative,) = ctx.saved_tensors
        return gradients[0] * derivative, None


class Pointwise(nn.Conv2d):
    """1x1 convolution as a matrix product, which is faster for features that are channels last in memory."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, width, H, W)."""
        out = F.linear(features.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias)
        return out.permute(0, 3, 1, 2)


class PairedConv(nn.Conv2d):
    """3x3 convolution in groups of two channels, as two depthwise ones: those have fast code, other groups have not."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 3, padding=1, groups=width // 2)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        count, width, *size = features.shape
        partners = features.permute(0, 2, 3, 1).reshape(count, *size, -1, 2).flip(4).flatten(3).permute(0, 3, 1, 2)
        pairs = self.weight.reshape(-1, 2, 2, 3, 3)  # (pair, which of it out, which of it in, ...)
        own, other = (
            weight.diagonal(0, 1, 2).permute(0, 3, 1, 2).reshape(width, 1, 3, 3) for weight in (pairs, pairs.flip(2))
        )
        out = F.conv2d(features, own, self.bias, padding=1, groups=width)
        return out + F.conv2d(partners, other, padding=1, groups=width)


class Activated(nn.Sequential):
    """A convolution with its batch norm folded in, and PReLU."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(conv, FrozenPReLU(conv.out_channels))


def _depthwise(width: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width, width, 3, stride, 1, groups=width)


class Bottleneck(nn.Sequential):
    """Inverted bottleneck: expand, 3x3 depthwise, project without activation."""

    def __init__(self, channels: int, width: int, expanded: int, stride: int = 1) -> None:
        super().__init__(
            Activated(Pointwise(channels, expanded)),
            Activated(_depthwise(expanded, stride)),
            Pointwise(expanded, width),
        )


class Residual(nn.Module):
    """Inverted bottleneck with a shortcut: (N, C, H, W) -> the same shape."""

    def __init__(self, channels: int, expanded: int) -> None:
        super().__init__()
        self.body = Bottleneck(channels, channels, expanded)

    def forward(self, features: Tensor) -> Tensor:
        """Add the block's answer to its input."""
        out: Tensor = features + self.body(features)
        return out


class Trunk(nn.Sequential):
    """Everything before the head: (N, 3, 112, 112), grey is zero -> (N, 512, 7, 7).

    Args:
        widths: channels of the stem and of the three stages; the variants differ in nothing else. The second
            convolution has 64 groups in both.
    """

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        stem, first, second, third = widths
        super().__init__(
            Activated(nn.Conv2d(3, stem, 3, 2, 1)),
            Activated(PairedConv(stem) if stem == 128 else _depthwise(stem)),
            Bottleneck(stem, first, 128, 2),
            *(Residual(first, 128) for _ in range(4)),
            Bottleneck(first, second, 256, 2),
            *(Residual(second, 256) for _ in range(6)),
            Bottleneck(second, third, 512, 2),
            *(Residual(third, 256) for _ in range(2)),
            Activated(Pointwise(third, 512)),
        )


def fold_norm(weight: Tensor, bias: Tensor | None, norm: Mapping[str, Tensor], eps: float) -> tuple[Tensor, Tensor]:
    """Fold an inference-mode batch norm into the convolution or linear layer before it.

    Args:
        weight: (width, ...) of the layer.
        bias: (width,) of the layer, or None where it has none.
        norm: the batch norm's weight, bias, running_mean and running_var, each (width,).
        eps: the batch norm's epsilon.

    Returns:
        float32 weight and bias of one layer that does both; computed in float64.
    """
    scale = norm["weight"].double() / (norm["running_var"].double() + eps).sqrt()
    shift = norm["bias"].double() - norm["running_mean"].double() * scale
    if bias is not None:
        shift = shift + bias.double() * scale
    folded = weight.double() * scale.view(-1, *[1] * (weight.dim() - 1))
    return folded.float(), shift.float()


def fold_before(weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Fold a scale and a shift of the maps that a linear layer reads into that layer.

    Args:
        weight: (width, maps * pixels) of the layer.
        bias: (width,) of the layer.
        scale: (maps,), what each map is multiplied by.
        shift: (maps,), what is added then.

    Returns:
        float64 weight and bias of one layer that does both.
    """
    per_map = weight.double().view(len(weight), len(scale), -1)
    folded_bias = bias.double() + per_map.sum(2) @ shift.double()
    return (per_map * scale.double()[:, None]).flatten(1), folded_bias


class ArcFaceMobile(nn.Module):
    """ArcFace MobileFaceNet, trained on WebFace600K: 112 px faces to 512 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk((128, 128, 256, 256))
        self.squeeze = Activated(Pointwise(512, 64))
        self.linear = nn.Linear(64 * 7 * 7, 512)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 112, 112), RGB in [0, 1].

        Returns:
            float32 (N, 512), not normalised.
        """
        centred = (faces - 0.5).contiguous(memory_format=torch.channels_last)
        features = self.squeeze(self.trunk(centred))
        out: Tensor = self.linear(features.flatten(1))
        return out


def convert(path: Path) -> dict[str, Tensor]:
    """Read `w600k_mbf.onnx` into the state dict of `ArcFaceMobile`.

    The exporter numbered the tensors in the order of the graph, which is the order of our modules; all batch norms but
    the last one came folded.

    Args:
        path: the ONNX file.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.
    """
    found = read_initialisers(path)
    numbered = [found[name] for name in sorted((name for name in found if name.isdecimal()), key=int)]
    kernels = iter([tensor for tensor in numbered if tensor.dim() == 4])
    biases = iter([tensor for tensor in numbered if tensor.dim() == 1])
    slopes = iter([tensor.flatten() for tensor in numbered if tensor.dim() == 3])

    state: dict[str, Tensor] = {}
    with torch.device("meta"):
        blank = ArcFaceMobile()
    for name, module in blank.named_modules():
        if isinstance(module, nn.Conv2d):
            state[f"{name}.weight"], state[f"{name}.bias"] = next(kernels), next(biases)
        elif isinstance(module, nn.PReLU):
            state[f"{name}.weight"] = next(slopes)
    state["trunk.0.0.weight"] = state["trunk.0.0.weight"] * 2  # from [-1, 1] to the [-0.5, 0.5] of `forward`
    norm = {key: found[f"features.{key}"] for key in ("weight", "bias", "running_mean", "running_var")}
    state["linear.weight"], state["linear.bias"] = fold_norm(found["fc.weight"], found["fc.bias"], norm, eps=1e-5)
    return {name: tensor.contiguous() for name, tensor in state.items()}

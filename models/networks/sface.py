"""SFace: a MobileNet trained with the sigmoid-constrained hypersphere loss, from the OpenCV Zoo.

Source: Zhong et al. 2021, "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition"; Howard et al.
2017, "MobileNets"; weights `face_recognition_sface_2021dec.onnx`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from cloak.models.networks.mobilefacenet import Activated, Pointwise, fold_before, fold_norm
from cloak.models.readers.onnx import read_initialisers

# Width and stride of each depthwise-separable pair after the stem, as in the first MobileNet.
PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
STEM = 32
_CONVOLUTION_EPS, _HEAD_EPS = 1e-3, 2e-5


class SFace(nn.Module):
    """SFace: 112 px faces to 128 numbers."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [Activated(nn.Conv2d(3, STEM, 3, padding=1))]
        channels = STEM
        for width, stride in PAIRS:
            depthwise = nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels)
            blocks += [Activated(depthwise), Activated(Pointwise(channels, width))]
            channels = width
        self.trunk = nn.Sequential(*blocks)
        self.linear = nn.Linear(channels * 7 * 7, 128)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 112, 112), RGB in [0, 1].

        Returns:
            float32 (N, 128), not normalised.
        """
        features = self.trunk(faces - 0.5)
        out: Tensor = self.linear(features.flatten(1))
        return out


def convert(path: Path) -> dict[str, Tensor]:
    """Read `face_recognition_sface_2021dec.onnx` into the state dict of `SFace`.

    Every batch norm is folded: those of the convolutions, the one between trunk and linear layer, and the last one.

    Args:
        path: the ONNX file.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.
    """
    found = read_initialisers(path)
    names = ["conv_1"]
    for number in range(2, len(PAIRS) + 2):
        names += [f"conv_{number}_dw", f"conv_{number}"]

    state: dict[str, Tensor] = {}
    for index, name in enumerate(names):
        norm = _norm(found, f"{name}_batchnorm")
        weight, bias = fold_norm(found[f"{name}_conv2d_weight"], None, norm, _CONVOLUTION_EPS)
        state |= {f"trunk.{index}.0.weight": weight, f"trunk.{index}.0.bias": bias}
        state[f"trunk.{index}.1.weight"] = found[f"{name}_relu_gamma"].flatten()
    # The graph works on (x - 127.5) / 128 of 0..255, `forward` on x - 0.5 of 0..1.
    state["trunk.0.0.weight"] = state["trunk.0.0.weight"] * (255 * found["scalar_op2"].item())

    maps = torch.ones(len(found["bn1_gamma"]), dtype=torch.float64)
    scale, shift = fold_norm(maps, None, _norm(found, "bn1"), _HEAD_EPS)
    weight, bias = fold_before(found["pre_fc1_weight"], found["pre_fc1_bias"], scale, shift)
    state["linear.weight"], state["linear.bias"] = fold_norm(weight, bias, _norm(found, "fc1"), _HEAD_EPS)
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _norm(found: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    keys = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}
    return {ours: found[f"{name}_{theirs}"] for ours, theirs in keys.items()}

"""MobileFaceNet as FaceX-Zoo trained it: half the width of the ArcFace one, another head, blue first.

Source: Wang et al. 2021, "FaceX-Zoo: A PyTorch Toolbox for Face Recognition".
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from cloak.errors import WeightsError
from cloak.models.networks.mobilefacenet import Trunk, fold_norm
from cloak.models.readers.pickled import Inert, module_tensors, read_torch

_NORM_EPS = 1e-5
_ITS_MODULE = "models.network_def.mobilefacenet_def"
_CLASSES = (
    *(f"{_ITS_MODULE}.{name}" for name in ("Conv_block", "Depth_Wise", "Flatten", "Linear_block", "MobileFaceNet")),
    f"{_ITS_MODULE}.Residual",
    "torch.nn.modules.activation.PReLU",
    "torch.nn.modules.batchnorm.BatchNorm1d",
    "torch.nn.modules.batchnorm.BatchNorm2d",
    "torch.nn.modules.container.Sequential",
    "torch.nn.modules.conv.Conv2d",
    "torch.nn.modules.linear.Linear",
    "torch.nn.parallel.data_parallel.DataParallel",
)


class FaceXZooMobile(nn.Module):
    """FaceX-Zoo's MobileFaceNet: 112 px faces to 512 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk((64, 64, 128, 128))
        self.pool = nn.Conv2d(512, 512, 7, groups=512)
        self.linear = nn.Linear(512, 512)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float32 (N, 3, 112, 112), RGB in [0, 1].

        Returns:
            float32 (N, 512), not normalised.
        """
        centred = (faces - 0.5).contiguous(memory_format=torch.channels_last)
        features = self.pool(self.trunk(centred))
        out: Tensor = self.linear(features.flatten(1))
        return out


def convert(path: Path) -> dict[str, Tensor]:
    """Read `face_recognition_mv.pkl`, a pickled module, into the state dict of `FaceXZooMobile`.

    Args:
        path: the pickle; nothing in it is run.

    Returns:
        float32 tensors for `load_state_dict(strict=True)`.

    Raises:
        WeightsError: the file is not that module.
    """
    found = read_module(path)
    state: dict[str, Tensor] = {}
    with torch.device("meta"):
        blank = FaceXZooMobile()
    kernels = iter([name.removesuffix(".conv.weight") for name in found if name.endswith(".conv.weight")])
    for name, module in blank.named_modules():
        if isinstance(module, nn.Conv2d):
            block = next(kernels)
            folded = fold_norm(found[f"{block}.conv.weight"], None, _norm(found, f"{block}.bn"), _NORM_EPS)
            state[f"{name}.weight"], state[f"{name}.bias"] = folded
        elif isinstance(module, nn.PReLU):
            state[f"{name}.weight"] = found[f"{block}.prelu.weight"]
    # Its input was blue first and (x - 127.5) / 128; ours is red first and x / 255 - 0.5.
    state["trunk.0.0.weight"] = state["trunk.0.0.weight"].flip(1) * (255 / 128)
    folded = fold_norm(found["linear.weight"], None, _norm(found, "bn"), _NORM_EPS)
    state["linear.weight"], state["linear.bias"] = folded
    return {name: tensor.contiguous() for name, tensor in state.items()}


def read_module(path: Path) -> dict[str, Tensor]:
    """Return the tensors of the pickled module under the names its authors gave them.

    Raises:
        WeightsError: the file is not that module.
    """
    found = read_torch(path, inert=_CLASSES)
    if not isinstance(found, Inert):
        raise WeightsError(f"{path} holds no pickled module: it is not FaceX-Zoo's MobileFaceNet")
    return {name.removeprefix("module."): tensor for name, tensor in module_tensors(found).items()}


def _norm(found: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: found[f"{name}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")}

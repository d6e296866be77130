"""Trained networks ready for use: RGB in [0, 1] in, everything else inside."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cloak.errors import ShapeError, UsageError
from cloak.models import fetch
from cloak.models.registry import DETECTOR, METRIC, Artifact, Profile, Task, artifact, network

if TYPE_CHECKING:
    from cloak.models.networks.lpips_alex import Lpips
    from cloak.models.networks.yunet import YuNet

_Module = TypeVar("_Module", bound=nn.Module)


class Recogniser(nn.Module):
    """A face recogniser: aligned faces to unit vectors whose dot product is the similarity of two faces.

    Its parameters are fixed; gradients flow to the faces.

    Attributes:
        name: of its weights.
        input_size: height and width of its input.
        dim: length of its embeddings.
        template: float32 (5, 2), where the five landmarks belong in the input, pixels.
        thresholds: false accept rate to the cosine similarity above which it calls two faces one person.
    """

    template: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        input_size: int,
        dim: int,
        template: Tensor,
        thresholds: Mapping[float, float],
    ) -> None:
        super().__init__()
        self.network = network
        self.name = name
        self.input_size = input_size
        self.dim = dim
        self.thresholds = MappingProxyType(dict(thresholds))
        self.register_buffer("template", template.float(), persistent=False)
        _freeze(self)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: float (N, 3, s, s) with s the input size, RGB in [0, 1], landmarks on the template.

        Returns:
            float (N, dim), L2-normalised.

        Raises:
            ShapeError: faces have another shape or are integers.
        """
        expected = (3, self.input_size, self.input_size)
        if faces.ndim != 4 or faces.shape[1:] != expected or not faces.is_floating_point():
            raise ShapeError(
                f"{self.name} takes float (N, {', '.join(map(str, expected))}), got {faces.dtype} {tuple(faces.shape)}"
            )
        if len(faces) == 0:
            return faces.new_zeros(0, self.dim)
        return F.normalize(self.network(faces.contiguous(memory_format=torch.channels_last)))


def load_recogniser(name: str, *, device: str | torch.device = "cpu", profile: Profile = Profile.OPEN) -> Recogniser:
    """Return a trained recogniser, fetched first if it is not in the cache.

    Args:
        name: one of `surrogates` or `WITNESS`.
        device: where to put it.
        profile: `Profile.RESEARCH` accepts licences for non-commercial research when something has to be fetched.

    Raises:
        UsageError: there is no recogniser of that name.
        LicenceError: it is for research, not fetched yet, and the profile is open.
        WeightsMissingError: it is not in the cache and cannot be fetched.
        WeightsCorruptError: what was fetched is not what was pinned.
    """
    wanted = _of_task(name, Task.RECOGNISER)
    recogniser = Recogniser(
        _load(wanted, profile),
        name=wanted.name,
        input_size=cast("int", wanted.input_size),
        dim=cast("int", wanted.dim),
        template=torch.tensor(wanted.template),
        thresholds=wanted.thresholds,
    )
    return recogniser.to(device)


def load_detector(name: str = DETECTOR, *, device: str | torch.device = "cpu") -> "YuNet":
    """Return the trained network of the detector that cloaks are made with, fetched first if it is not in the cache.

    Raises:
        UsageError: there is no detector of that name, or it is none that a cloak may be made with.
        WeightsMissingError: it is not in the cache and cannot be fetched.
        WeightsCorruptError: what was fetched is not what was pinned.
    """
    from cloak.models.networks.yunet import YuNet  # noqa: PLC0415 -- who loads a recogniser has no use for it

    _of_task(name, Task.DETECTOR)
    return load_network(name, YuNet, device=device)


def load_lpips(*, device: str | torch.device = "cpu") -> "Lpips":
    """Return the trained perceptual metric, fetched first if it is not in the cache.

    Raises:
        WeightsMissingError: it is not in the cache and cannot be fetched.
        WeightsCorruptError: what was fetched is not what was pinned.
    """
    from cloak.models.networks.lpips_alex import Lpips  # noqa: PLC0415 -- who loads a recogniser has no use for it

    return load_network(METRIC, Lpips, device=device)


def load_network(name: str, kind: type[_Module], *, device: str | torch.device = "cpu") -> _Module:
    """Return a trained network as it is, fetched first if it is not in the cache.

    Args:
        name: of its weights.
        kind: its class.
        device: where to put it.

    Raises:
        UsageError: there are no weights of that name, or they are for another class.
        LicenceError: it is for research, not fetched yet.
        WeightsMissingError: it is not in the cache and cannot be fetched.
        WeightsCorruptError: what was fetched is not what was pinned.
    """
    wanted = artifact(name)
    code = network(wanted.network).build
    if code is not kind:
        raise UsageError(f"{name} is run by {code.__name__}, not by {kind.__name__}: name other weights")
    module = cast("_Module", _load(wanted, Profile.OPEN))
    _freeze(module)
    return module.to(device)


def _of_task(name: str, task: Task) -> Artifact:
    wanted = artifact(name)
    if wanted.task is not task:
        raise UsageError(f"{name} is a {wanted.task}, not a {task}")
    return wanted


def _load(wanted: Artifact, profile: Profile) -> nn.Module:
    """Build a network and set its weights."""
    with torch.random.fork_rng(devices=[]):  # initial weights must not move the caller's random numbers
        module = network(wanted.network).build()
    try:
        module.load_state_dict(fetch.load(wanted.name, profile=profile))
    except RuntimeError:  # names or shapes that do not fit: converted by another version of the network
        fetch.discard(wanted.name)
        module.load_state_dict(fetch.load(wanted.name, profile=profile))
    return module


def _freeze(module: nn.Module) -> None:
    """Make a module ready for inference."""
    module.requires_grad_(requires_grad=False)
    module.to(memory_format=torch.channels_last)
    module.eval()

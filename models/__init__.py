"""Trained networks: which there are, how to get them, and how to use them."""

from importlib import import_module
from typing import TYPE_CHECKING

from cloak.models.registry import WITNESS, Artifact, Profile, artifact, artifacts, surrogates

if TYPE_CHECKING:
    from cloak.models.recogniser import Recogniser, load_detector, load_lpips, load_network, load_recogniser

__all__ = [
    "WITNESS",
    "Artifact",
    "Profile",
    "Recogniser",
    "artifact",
    "artifacts",
    "load_detector",
    "load_lpips",
    "load_network",
    "load_recogniser",
    "surrogates",
]


def __getattr__(name: str) -> object:
    """Load what needs PyTorch when it is first used: help and lists do not wait for it."""
    if name in {"Recogniser", "load_detector", "load_lpips", "load_network", "load_recogniser"}:
        return getattr(import_module("cloak.models.recogniser"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

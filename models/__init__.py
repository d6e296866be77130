"""Trained networks: which there are, how to get them, and how to use them."""

from cloak.models.recogniser import Recogniser, load_detector, load_recogniser
from cloak.models.registry import WITNESS, Artifact, Profile, artifact, artifacts, surrogates

__all__ = [
    "WITNESS",
    "Artifact",
    "Profile",
    "Recogniser",
    "artifact",
    "artifacts",
    "load_detector",
    "load_recogniser",
    "surrogates",
]

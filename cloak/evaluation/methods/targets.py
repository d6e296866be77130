"""Whom a targeted cloak shall look like: somebody else, as unlike the person as the pool has."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from io import BytesIO

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from cloak.attack import Surrogate, align
from cloak.errors import ConfigError
from cloak.evaluation.victims import FaceCrop


class Targets:
    """A pool of people.

    Args:
        people: the faces of each.
        origin: what they were cut from and by what, for `key`: landmarks differ in the last digit from run to run.

    Raises:
        ConfigError: there is nobody, or somebody without a face.
    """

    def __init__(self, people: Sequence[Sequence[FaceCrop]], origin: str = "") -> None:
        if not people or not all(people):
            raise ConfigError("a targeted method needs at least one other person, with a face each: give it targets")
        self.people = tuple(tuple(faces) for faces in people)
        self._origin = origin

    @classmethod
    def shipped(cls) -> "Targets":
        """Return the three people that come with the package.

        They are those of ``examples/``, in the public domain (``examples/CREDITS.md``): a pool that is always there
        and always the same, but a small one. The pools of Fawkes have hundreds.
        """
        folder = resources.files(__package__)
        with Image.open(BytesIO(folder.joinpath("targets.png").read_bytes())) as image:
            strip = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        landmarks = json.loads(folder.joinpath("targets.json").read_text(encoding="utf-8"))
        faces = strip.reshape(3, strip.shape[1], len(landmarks), -1).permute(2, 0, 1, 3)
        return cls(
            [
                [FaceCrop(pixels=pixels.contiguous(), landmarks=torch.tensor(points))]
                for pixels, points in zip(faces, landmarks, strict=True)
            ]
        )

    @cached_property
    def key(self) -> str:
        """A hash of where the faces are from, or of the faces."""
        digest = hashlib.sha256(self._origin.encode())
        if self._origin:
            return digest.hexdigest()
        for faces in self.people:
            digest.update(b"person")
            for face in faces:
                digest.update(face.pixels.contiguous().numpy().tobytes())
                digest.update(face.landmarks.float().numpy().tobytes())
        return digest.hexdigest()

    def farthest(
        self, people: Sequence[Sequence[torch.Tensor]], surrogates: Sequence[Surrogate]
    ) -> list[list[torch.Tensor]]:
        """Choose the person least like a person, for each of several.

        Args:
            people: of each person the embeddings of all faces, (N, D) for each surrogate.
            surrogates: that made them.

        Returns:
            For each person the mean of the chosen one's embeddings, L2-normalised, float (D,) for each surrogate.
        """
        pools = [self._means(surrogate) for surrogate in surrogates]
        chosen = [_farthest(own, pools) for own in people]
        return [[pool[index] for pool in pools] for index in chosen]

    @torch.no_grad()
    def _means(self, surrogate: Surrogate) -> torch.Tensor:
        return torch.stack([_mean(torch.cat([_embed(face, surrogate) for face in faces])) for faces in self.people])


def _farthest(own: Sequence[torch.Tensor], pools: Sequence[torch.Tensor]) -> int:
    cosines = torch.stack([pool @ _mean(faces) for pool, faces in zip(pools, own, strict=True)])
    return int(cosines.mean(0).argmin())


def _mean(embeddings: torch.Tensor) -> torch.Tensor:
    return F.normalize(embeddings.mean(0), dim=0)


def _embed(face: FaceCrop, surrogate: Surrogate) -> torch.Tensor:
    device = surrogate.template.device
    return surrogate(align(face.pixels[None].to(device).float() / 255, face.landmarks[None].to(device), surrogate))

"""How an engine sees: a detector and a recogniser, and what they make of photos."""

from dataclasses import dataclass
from pathlib import Path

import torch

from cloak.errors import NoFaceError
from cloak.evaluation.engine.database import StoredFace
from cloak.evaluation.engine.thumbnails import thumbnail
from cloak.evaluation.finders import Finder, crop, open_finder
from cloak.evaluation.victims import Victim, open_victim
from cloak.faces.central import central
from cloak.models import WITNESS
from cloak.photo import Face, Photo

FINDER = "scrfd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A face to search for.

    Attributes:
        embedding: float32 (D,), L2-normalised.
        thumbnail: a small JPEG of it.
        faces: how many there are in its photo.
    """

    embedding: torch.Tensor
    thumbnail: bytes
    faces: int


class Eyes:
    """A detector and a recogniser.

    Args:
        recogniser: what embeds: a name, or an ONNX file.
        finder: what detects.
        device: where they compute.

    Attributes:
        victim: the recogniser.
        finder: the detector.
        settings: what is kept with what they saw: it can only be compared with what the same two see.

    Raises:
        UsageError: there is none of that name.
        CloakError: it cannot be had.
    """

    def __init__(self, recogniser: str = WITNESS, finder: str = FINDER, *, device: str | torch.device = "cpu") -> None:
        self.victim: Victim = open_victim(recogniser, device=device)
        self.finder: Finder = open_finder(finder, device=device)
        self.settings = {
            "recogniser": str(Path(recogniser).absolute()) if recogniser.endswith(".onnx") else recogniser,
            "recogniser_key": self.victim.key,
            "finder": self.finder.name,
            "finder_key": self.finder.key,
        }

    def faces(self, photo: Photo) -> list[StoredFace]:
        """Return all faces of a photo, the largest first."""
        found = self.finder.find(photo.pixels)
        embeddings = self.victim.embed([crop(photo.pixels, face) for face in found])
        return [
            StoredFace(size=face.size, embedding=row, thumbnail=thumbnail(photo, face))
            for face, row in zip(found, embeddings.numpy(), strict=True)
        ]

    def probe(self, photo: Photo, number: int = 1) -> Probe:
        """Look at a photo that somebody searches with.

        Args:
            photo: it.
            number: which face to search for, 1 being the largest.

        Raises:
            NoFaceError: there is no such face in it.
        """
        faces = self.finder.find(photo.pixels)
        if not faces:
            raise NoFaceError("no face was found to search for: use another photo")
        if len(faces) < number:
            raise NoFaceError(f"there is no face {number}: {len(faces)} found, counted from the largest")
        return self._probe(photo, faces[number - 1], len(faces))

    def central(self, photo: Photo) -> Probe | None:
        """Look at a photo of somebody: at the face nearest the middle, if there is any."""
        faces = self.finder.find(photo.pixels)
        face = central(faces, photo.pixels)
        return None if face is None else self._probe(photo, face, len(faces))

    def _probe(self, photo: Photo, face: Face, faces: int) -> Probe:
        embedding = self.victim.embed([crop(photo.pixels, face)])[0]
        return Probe(embedding=embedding, thumbnail=thumbnail(photo, face), faces=faces)

"""Make cloaks once: written files, kept by what they were made of, with what they cost and look like."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloak.evaluation.dataset import PhotoFile
from cloak.evaluation.finders import central
from cloak.evaluation.looks import looks
from cloak.evaluation.methods import Method
from cloak.faces.detect import Detector
from cloak.files import write
from cloak.image.codec import decode, encode
from cloak.image.strip.bare import strip
from cloak.models.networks.lpips_alex import Lpips
from cloak.photo import Face, Photo


@dataclass(frozen=True, slots=True)
class Cloaked:
    """A written file, and what is known of it.

    Attributes:
        file: the file.
        seconds: for each face, without reading, detection and writing.
        looks: see `cloak.evaluation.looks`.
        size_ratio: bytes written for each byte read.
        fresh: whether it was made in this run.
    """

    file: PhotoFile
    seconds: float
    looks: dict[str, float]
    size_ratio: float
    fresh: bool


class Workshop:
    """Protects photos with any method, and keeps what it made.

    Args:
        folder: to keep files in.
        detector: which finds the faces that are cloaked.
        lpips: to measure with.
        advance: called after each photo.
    """

    def __init__(
        self, folder: Path, detector: Detector, lpips: Lpips, *, advance: Callable[[], None] = lambda: None
    ) -> None:
        self._folder = folder
        self._detector = detector
        self._lpips = lpips
        self.advance = advance

    def face(self, file: PhotoFile) -> Face | None:
        """Return the face that would be cloaked, if there is one."""
        pixels = decode(file.bytes()).pixels
        return central(self._detector.detect([pixels])[0], pixels)

    def protect(self, method: Method, photos: Sequence[PhotoFile]) -> list[Cloaked]:
        """Protect the photos of one person, or find them among those that were.

        Args:
            method: a method; one that looks at all photos together is asked about all together.
            photos: with a face each.
        """
        groups = [list(photos)] if method.joint else [[photo] for photo in photos]
        return [cloaked for group in groups for cloaked in self._group(method, group)]

    def _group(self, method: Method, photos: list[PhotoFile]) -> list[Cloaked]:
        together = "".join(photo.digest for photo in photos) if method.joint else ""
        notes = [self._note(method, photo, together) for photo in photos]
        fresh = not all(note.exists() for note in notes)
        if fresh:
            self._make(method, photos, notes)
        for _ in photos:
            self.advance()
        return [_read(note, fresh=fresh) for note in notes]

    def _note(self, method: Method, photo: PhotoFile, together: str) -> Path:
        name = hashlib.sha256(f"{photo.digest}{together}".encode()).hexdigest()[:24]
        return self._folder / method.key / f"{name}.json"

    def _make(self, method: Method, files: Sequence[PhotoFile], notes: Sequence[Path]) -> None:
        photos = [decode(file.bytes()) for file in files]
        faces = [self._face(photo, file) for photo, file in zip(photos, files, strict=True)]
        start = time.perf_counter()
        changed = method.cloak(photos, faces)
        seconds = (time.perf_counter() - start) / len(photos)
        for file, before, after, face, note in zip(files, photos, changed, faces, notes, strict=True):
            data = encode(strip(after))
            target = note.with_suffix(file.path.suffix)
            write(target, data, overwrite=True)
            told = {
                "source": file.digest,
                "file": target.name,
                "digest": hashlib.sha256(data).hexdigest(),
                "seconds": seconds,
                "looks": looks(before, decode(data), face, self._lpips),
                "size_ratio": len(data) / file.path.stat().st_size,
            }
            # Last: a note is there only if the file is.
            write(note, json.dumps(told, indent=1).encode(), overwrite=True)

    def _face(self, photo: Photo, file: PhotoFile) -> Face:
        face = central(self._detector.detect([photo.pixels])[0], photo.pixels)
        if face is None:
            raise ValueError(f"{file.path} has no face: it must be left out before")
        return face


def _read(note: Path, *, fresh: bool) -> Cloaked:
    told: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    file = PhotoFile(note.parent / told["file"], told["digest"])
    return Cloaked(file, told["seconds"], told["looks"], told["size_ratio"], fresh)

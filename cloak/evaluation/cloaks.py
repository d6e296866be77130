"""Make cloaks once: written files, kept by what they were made of, with what they cost and look like."""

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from cloak.evaluation.dataset import PhotoFile
from cloak.evaluation.looks import looks
from cloak.evaluation.methods import Method
from cloak.faces.central import central
from cloak.faces.detect import Detector
from cloak.files import write
from cloak.image.codec import decode, encode
from cloak.image.strip.bare import strip
from cloak.models.networks.lpips_alex import Lpips
from cloak.photo import Face, Photo


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloaked:
    """A written file, and what is known of it.

    Attributes:
        file: the file.
        seconds: for each face, without reading, detection and writing, in the company of others.
        processor: the same, of all threads together.
        machine: what it was made on.
        looks: see `cloak.evaluation.looks`.
        size_ratio: bytes written for each byte read.
        fresh: whether it was made in this run.
    """

    file: PhotoFile
    seconds: float
    processor: float
    machine: str
    looks: dict[str, float]
    size_ratio: float
    fresh: bool


TOGETHER = 8
"""Photos that a method gets at once, or all those of a person if there are more and it looks at them together."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A photo that is to be protected, where to write what became of it, and whom it shows."""

    file: PhotoFile
    note: Path
    person: int


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

    def protect(self, method: Method, people: Sequence[Sequence[PhotoFile]]) -> list[list[Cloaked]]:
        """Protect the photos of people, or find them among those that were.

        Args:
            method: a method; one that looks at all photos of a person together is asked about all of them together.
            people: the photos of each, with a face each.

        Returns:
            For each person the photos in the same order.
        """
        notes = [self._notes(method, photos) for photos in people]
        missing: list[_Piece] = []
        for person, (photos, kept) in enumerate(zip(people, notes, strict=True)):
            fresh = [not note.exists() for note in kept]
            # Together or not at all, where one photo's cloak depends on the others.
            wanted = [any(fresh)] * len(fresh) if method.joint else fresh
            pieces = [_Piece(photo, note, person) for photo, note in zip(photos, kept, strict=True)]
            missing += [piece for piece, want in zip(pieces, wanted, strict=True) if want]
            for _ in range(wanted.count(False)):
                self.advance()
        for batch in _batches(missing, method):
            self._make(method, batch)
        made = {piece.note for piece in missing}
        return [[_read(note, fresh=note in made) for note in kept] for kept in notes]

    def _notes(self, method: Method, photos: Sequence[PhotoFile]) -> list[Path]:
        together = "".join(photo.digest for photo in photos) if method.joint else ""
        names = [hashlib.sha256(f"{photo.digest}{together}".encode()).hexdigest()[:24] for photo in photos]
        return [self._folder / method.key / f"{name}.json" for name in names]

    def _make(self, method: Method, pieces: Sequence["_Piece"]) -> None:
        photos = [decode(piece.file.bytes()) for piece in pieces]
        faces = [self._face(photo, piece.file) for photo, piece in zip(photos, pieces, strict=True)]
        start, spent = time.perf_counter(), time.process_time()
        changed = method.cloak(photos, faces, people=[piece.person for piece in pieces])
        seconds = (time.perf_counter() - start) / len(photos)
        processor = (time.process_time() - spent) / len(photos)
        for piece, before, after, face in zip(pieces, photos, changed, faces, strict=True):
            file, note = piece.file, piece.note
            data = encode(strip(after))
            target = note.with_suffix(file.path.suffix)
            write(target, data, overwrite=True)
            told = {
                "source": file.digest,
                "file": target.name,
                "digest": hashlib.sha256(data).hexdigest(),
                "seconds": seconds,
                "processor": processor,
                "machine": machine(),
                "looks": looks(before, decode(data), face, self._lpips),
                "size_ratio": len(data) / file.path.stat().st_size,
            }
            # Last: a note is there only if the file is.
            write(note, json.dumps(told, indent=1).encode(), overwrite=True)
            self.advance()

    def _face(self, photo: Photo, file: PhotoFile) -> Face:
        face = central(self._detector.detect([photo.pixels])[0], photo.pixels)
        if face is None:
            raise ValueError(f"{file.path} has no face: it must be left out before")
        return face


def _batches(pieces: Sequence[_Piece], method: Method) -> Iterator[list[_Piece]]:
    """Yield pieces in batches that do not part what a joint method has to see together."""
    batch: list[_Piece] = []
    for person, group in groupby(pieces, lambda piece: piece.person if method.joint else id(piece)):
        del person
        whole = list(group)
        if batch and len(batch) + len(whole) > TOGETHER:
            yield batch
            batch = []
        batch = [*batch, *whole]
    if batch:
        yield batch


def _read(note: Path, *, fresh: bool) -> Cloaked:
    told: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    file = PhotoFile(note.parent / told["file"], told["digest"])
    return Cloaked(
        file=file,
        seconds=told["seconds"],
        processor=told["processor"],
        machine=told["machine"],
        looks=told["looks"],
        size_ratio=told["size_ratio"],
        fresh=fresh,
    )


def machine() -> str:
    """Describe what cloaks are made on: processor, threads, PyTorch."""
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"

"""An index of faces from public profiles, as a face-search company makes one, in one local file."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType

import torch

from cloak.errors import PhotoError, UsageError
from cloak.evaluation.engine.database import Database
from cloak.evaluation.engine.eyes import FINDER, Eyes
from cloak.evaluation.engine.gallery import Gallery
from cloak.evaluation.engine.profiles import Published, told
from cloak.evaluation.engine.threshold import Threshold, measured, registered
from cloak.files import read
from cloak.image.codec import decode
from cloak.models import WITNESS
from cloak.names import shown

MAX_BYTES = 1 << 29


class Taken(StrEnum):
    """What became of a photo that was to be indexed."""

    NEW = "new"
    COPY = "copy"
    KNOWN = "known"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """A photo that was to be indexed.

    Attributes:
        photo: it.
        taken: what became of it; a copy is a photo that is known from another place.
        faces: how many are in it; those of known photos were counted before.
        reason: why it failed.
    """

    photo: Published
    taken: Taken
    faces: int = 0
    reason: str = ""


class Index:
    """An index of faces.

    Args:
        database: the file.
        eyes: what saw the faces in it, and will see others.

    Attributes:
        eyes: as given.
        gallery: the faces.

    Raises:
        UsageError: the file was made with other eyes.
        MissingExtraError: faiss is not installed.
    """

    def __init__(self, database: Database, eyes: Eyes) -> None:
        for what in ("recogniser", "finder"):
            if database.settings[f"{what}_key"] != eyes.settings[f"{what}_key"]:
                raise UsageError(
                    f"{shown(database.path)} was made with the {what} {database.settings[what]}, not "
                    f"{eyes.settings[what]}: use that one, or another --db"
                )
        self.eyes = eyes
        self.gallery = Gallery(database)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        recogniser: str | None = None,
        finder: str | None = None,
        create: bool = False,
        device: str | torch.device = "cpu",
    ) -> "Index":
        """Open the index in a file.

        Args:
            path: the file.
            recogniser: what embeds, a name or an ONNX file; None for what the file was made with.
            finder: what detects; None for what the file was made with.
            create: make the file if it is not there; else it must be.
            device: where networks compute.

        Raises:
            UsageError: the file is something else, or was made with others.
            OutputError: it cannot be written.
            CloakError: a network cannot be had.
        """
        new = create and (not path.exists() or (path.is_file() and not path.stat().st_size))
        with ExitStack() as undo:
            database = None if new else undo.enter_context(closing(Database(path)))
            made_with = database.settings if database else {}
            eyes = Eyes(
                recogniser or made_with.get("recogniser", WITNESS),
                finder or made_with.get("finder", FINDER),
                device=device,
            )
            database = database or undo.enter_context(closing(Database(path, eyes.settings)))
            index = cls(database, eyes)
            undo.pop_all()
        return index

    def __enter__(self) -> "Index":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.gallery.database.close()

    def add(self, photos: Iterable[Published]) -> Iterator[Indexed]:
        """Index photos, yielding what became of each; what was indexed stays so when the caller stops.

        Call `gallery.finish` when all are in.
        """
        for photo in photos:
            try:
                yield self._add(photo, read(photo.path, max_bytes=MAX_BYTES))
            except PhotoError as error:
                yield Indexed(photo=photo, taken=Taken.FAILED, reason=str(error))

    def _add(self, photo: Published, data: bytes) -> Indexed:
        database, sha256 = self.gallery.database, hashlib.sha256(data).hexdigest()
        picture = database.picture(sha256)
        if picture is not None and database.known(picture, photo.link):
            return Indexed(photo=photo, taken=Taken.KNOWN)
        faces = self.eyes.faces(decode(data)) if picture is None else None
        database.add(sha256, photo, told(photo.path), faces)
        return Indexed(photo=photo, taken=Taken.NEW if picture is None else Taken.COPY, faces=len(faces or ()))

    def threshold(self) -> Threshold | None:
        """Return from which similarity on two faces are one person's; None where that cannot be told."""
        return registered(self.eyes.victim) or measured(self.gallery.one_of_each_page())

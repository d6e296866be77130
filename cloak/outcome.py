"""What became of a photo."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cloak.photo import Photo
from cloak.verify import BlurVerdict, FaceVerdict, Verdict


class Status(StrEnum):
    """What became of a photo. The last two are what a dry run says.

    A photo that is already done was written by an earlier run, with the same settings, and nothing has changed since.
    """

    PROTECTED = "protected"
    STRIPPED = "stripped"
    ALREADY_DONE = "already done"
    FAILED = "failed"
    WOULD_PROTECT = "would protect"
    WOULD_STRIP = "would strip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The pixels behind an outcome, for the report.

    Attributes:
        before: the original.
        after: what was written, decoded.
        uncloaked: the verdict on the original written in the same way but without cloaks.
    """

    before: Photo
    after: Photo
    uncloaked: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a photo.

    Attributes:
        source: the original file.
        status: what became of it.
        target: the file that was written, or would be; None after a failure.
        reason: why it failed.
        faces: the verdict on each face that was cloaked; in a dry run, nothing.
        found: number of faces that were found and are, or would be, cloaked.
        left: why faces were left as they are, one reason each.
        blurred: number of faces that are, or would be, blurred.
        blurs: the verdict on each of them; in a dry run, nothing.
        uncertain: how many of the cloaked faces may, or may not, be the person that the references show.
        removed: names of the metadata that the original had and the written file has not.
        pictures: the pixels, if they were asked for.
    """

    source: Path
    status: Status
    target: Path | None = None
    reason: str = ""
    faces: tuple[FaceVerdict, ...] = ()
    found: int = 0
    left: tuple[str, ...] = ()
    blurred: int = 0
    blurs: tuple[BlurVerdict, ...] = ()
    uncertain: int = 0
    removed: tuple[str, ...] = ()
    pictures: Pictures | None = None

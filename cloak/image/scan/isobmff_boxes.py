"""What HEIC and AVIF files are made of, for the second reader: boxes in a fixed order, and numbers in them."""

from collections.abc import Sequence

from cloak.errors import ResidueError
from cloak.image.bmff import Box, boxes
from cloak.image.structure import Cursor

Span = tuple[int, int]
"""Offset of a first byte in the file, and of the byte after the last."""


def residue(what: str) -> ResidueError:
    """The error for what should not be there."""
    return ResidueError(f"HEIC/AVIF: {what}")


def parts(box: Box, *kinds: str, skip: int = 0) -> dict[str, Box]:
    """The boxes that a box consists of, each at most once and in the given order.

    Args:
        box: the parent.
        kinds: four-character codes; those that may be missing end with "?".
        skip: bytes in front of the first one.

    Raises:
        ResidueError: another box, or one that is missing.
        StructureError: they cannot be followed.
    """
    return ordered(list(boxes(box.body[skip:], box.offset + skip)), kinds, box.kind.decode("latin-1"))


def ordered(found: Sequence[Box], kinds: Sequence[str], where: str) -> dict[str, Box]:
    """As `parts`, for boxes that were found."""
    named: dict[str, Box] = {}
    rest = list(found)
    for kind in kinds:
        if rest and rest[0].kind == kind[:4].encode():
            named[kind[:4]] = rest.pop(0)
        elif len(kind) == 4:
            rest = list(found)
            break
    if rest:
        listed = ", ".join(box.kind.decode("latin-1") for box in found[:20])
        raise residue(f"{where} consists of {listed}, of which some should not be there, or are missing")
    if any(len(kind) == 4 and kind not in named for kind in kinds):
        raise residue(f"{where} without what belongs into it")
    return named


class Table(Cursor):
    """The content of a box with version and flags."""

    def __init__(self, box: Box, *, versions: Sequence[int] = (0,), flags: Sequence[int] = (0,)) -> None:
        super().__init__(box.body)
        self.name = box.kind.decode("latin-1")
        self.version = self.uint(1)
        self.flags = self.uint(3)
        if self.version not in versions or self.flags not in flags:
            raise residue(f"box {self.name} of version {self.version}, flags {self.flags}")

    def expect(self, content: bytes) -> None:
        """Pass over bytes that are the same in every file.

        Raises:
            ResidueError: they are not.
        """
        if self.take(len(content)) != content:
            raise residue(f"box {self.name} with bytes that should be fixed")

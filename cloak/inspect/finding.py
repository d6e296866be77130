"""What an inspection finds, and the notebook in which the readers of a file write it down."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from cloak.container import Container
from cloak.image.structure import StructureError
from cloak.inspect.text import clean

MOST_FINDINGS = 2_000
"""Of one photo; what a file made to waste time says beyond that is dropped, and the drop is told."""

MOST_PICTURES = 40
LARGEST_PICTURE = 1 << 25
"""Bytes of an embedded picture that is looked at; larger ones are named only."""

_DEEPEST = 5
_PICTURE_BYTES = 1 << 27
_MOST_BLOCKS = 3_000
_MOST_WORK = 1 << 27


class Harm(StrEnum):
    """What a finding gives away. The order is that of reports: the worst first."""

    WHERE = "where"
    WHEN = "when"
    DEVICE = "device"
    WHO = "who"
    CROPPED = "cropped"
    TRAVELS = "travels"
    NAME = "name"
    FACES = "faces"


HEADINGS = {
    Harm.WHERE: "Where it was taken",
    Harm.WHEN: "When it was taken or changed",
    Harm.DEVICE: "Which device made it",
    Harm.WHO: "Who made it, who is in it, what was written about it",
    Harm.CROPPED: "Other pictures inside the file",
    Harm.TRAVELS: "What else travels with it",
    Harm.NAME: "What the file's name and folder give away",
    Harm.FACES: "Faces that can be searched for",
}
"""In people's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the file says.

    Attributes:
        harm: what it gives away.
        what: its name in people's words: "serial number of the camera".
        value: what the file says, one printable line; "" where the presence is all there is to tell.
        source: where in the file: "EXIF", "XMP", "file name"; several are joined by commas.
        counts: whether it makes the answer "found". What every file has (a time of change) does not.
    """

    harm: Harm
    what: str
    value: str = ""
    source: str
    counts: bool = True


@dataclass(slots=True, kw_only=True)
class Embedded:
    """A picture inside the file beside the one that is shown.

    Attributes:
        what: "thumbnail", "preview".
        source: where in the file.
        data: its content as a file of its own.
        size: width and height in pixels; (0, 0) where it cannot be decoded.
        difference: 0 (the same picture) to 1 (another); None where it could not be compared.
        differs: whether it shows something else than the picture does.
        turns: quarter turns, anticlockwise, after which it looks most like the picture.
        length: bytes of the picture where `data` was given up.
    """

    what: str
    source: str
    data: bytes
    size: tuple[int, int] = (0, 0)
    difference: float | None = None
    differs: bool = False
    turns: int = 0
    length: int = 0

    def forgotten(self) -> "Embedded":
        """The same without the picture's bytes, for lists of many photos."""
        return replace(self, data=b"", length=self.length or len(self.data))


@dataclass(slots=True, kw_only=True)
class Inspection:
    """All that was found about one photo.

    Attributes:
        path: the file.
        container: what it is; None where it could not be read.
        problem: why it could not be read, or not to its end; "" where it could.
        findings: sorted by harm, in the order in which people want to know them.
        pictures: embedded pictures.
        unchecked: what was not looked for, and why ("faces: ...").
    """

    path: Path
    container: Container | None = None
    problem: str = ""
    findings: tuple[Finding, ...] = ()
    pictures: tuple[Embedded, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether anything was found that counts."""
        return any(finding.counts for finding in self.findings)

    def of(self, harm: Harm) -> tuple[Finding, ...]:
        """The findings of one kind of harm."""
        return tuple(finding for finding in self.findings if finding.harm is harm)


@dataclass(slots=True)
class Notes:
    """Where readers write what they find. Each finding is kept once, with all the places that say it."""

    pictures: list[Embedded] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    facts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Sizes that the file states, for comparisons: "exif size"."""
    _found: dict[tuple[Harm, str, str], list[str]] = field(default_factory=dict)
    _uncounted: set[tuple[Harm, str, str]] = field(default_factory=set)
    _depth: int = 0
    _blocks: int = 0
    _bytes: int = 0
    _work: int = 0
    _seen: set[int] = field(default_factory=set)

    def say(self, harm: Harm, what: str, value: object = "", *, source: str, counts: bool = True) -> None:
        """Note one thing; values are made printable and cut here, so that no reader can forget to."""
        key = (harm, clean(what, 120), clean(str(value)))
        if key not in self._found and len(self._found) >= MOST_FINDINGS:
            self.damaged(f"more than {MOST_FINDINGS:,} things found: the rest is not listed")
            return
        sources = self._found.setdefault(key, [])
        if source not in sources and len(sources) < 8:
            sources.append(source)
        if not counts:
            self._uncounted.add(key)

    def spend(self, work: int) -> None:
        """Pay for work on one photo: about one unit a byte that is unpacked or parsed.

        Raises:
            StructureError: more than honest photos need; it ends the block.
        """
        self._work += work
        if self._work > _MOST_WORK:
            raise StructureError("more in it than is looked at")

    def damaged(self, reason: str) -> None:
        """Note that something could not be read."""
        if reason not in self.problems and len(self.problems) < 20:
            self.problems.append(reason)

    def picture(self, data: bytes | memoryview, what: str, *, source: str) -> None:
        """Note an embedded picture, once, whatever number of places point at it."""
        mark = hash(bytes(data[:LARGEST_PICTURE]))
        if mark in self._seen:
            return
        self._seen.add(mark)
        self._bytes += len(data)
        if len(self.pictures) < MOST_PICTURES and len(data) <= LARGEST_PICTURE and self._bytes <= _PICTURE_BYTES:
            self.pictures.append(Embedded(what=what, source=source, data=bytes(data)))
        else:
            self.say(Harm.CROPPED, what, f"{len(data):,} bytes, not looked at", source=source)

    @contextmanager
    def reading(self, block: str) -> Iterator[None]:
        """Read one block: what is damaged in it is noted, and does not keep the others from being read."""
        if self._depth >= _DEEPEST:
            raise StructureError("blocks in blocks without end")  # it ends the block around this one
        if self._blocks >= _MOST_BLOCKS:
            raise StructureError(f"more than {_MOST_BLOCKS:,} blocks")
        self._depth += 1
        self._blocks += 1
        try:
            yield
        except Exception as error:  # noqa: BLE001, RUF100 -- whatever it is, this block is damaged and no other
            self.damaged(f"{block} could not be read to its end ({clean(str(error), 100) or type(error).__name__})")
        finally:
            self._depth -= 1

    def findings(self) -> tuple[Finding, ...]:
        """What was noted, sorted by harm; within one what matters most, then in the order in which it was found."""
        order = list(Harm)
        keys = sorted(self._found, key=lambda key: (order.index(key[0]), _weight(key[1])))
        return tuple(
            Finding(
                harm=key[0],
                what=key[1],
                value=key[2],
                source=", ".join(self._found[key]),
                counts=key not in self._uncounted,
            )
            for key in keys
        )


_FIRST: tuple[str, ...] = (
    "position",
    "altitude",
    "taken",
    "created",
    "camera or phone",
    "serial number",
    "tagged",
    "person",
    "owner",
)
_FIRST += ("artist", "photographer", "author", "copyright", "caption", "motion", "looks like a date", "may be")


def _weight(what: str) -> int:
    return next((place for place, start in enumerate(_FIRST) if what.startswith(start)), len(_FIRST))

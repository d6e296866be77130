"""Read XMP packets: RDF in XML, as a flat list of properties.

Nothing is fetched and no entity is expanded: a packet with a document type is not XMP, and is searched as text instead,
as is what is left of a damaged one.

Source: ISO 16684-1 (XMP), section 7.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from cloak.image.structure import StructureError
from cloak.inspect.finding import Notes
from cloak.inspect.text import whole

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LARGEST = 1 << 26
_MOST = 20_000
_DEEPEST = 60
_LONGEST = 1 << 24
_SEARCHED = 1 << 22
_ATTRIBUTE = re.compile(r"""\b([\w-]{1,40}):([\w.-]{1,80})\s{0,4}=\s{0,4}(?:"([^"<]{1,20000})"|'([^'<]{1,20000})')""")
_ELEMENT = re.compile(r"<([\w-]{1,40}):([\w.-]{1,80})[^<>]{0,2000}>([^<]{1,20000})<")


@dataclass(frozen=True, slots=True)
class Property:
    """One value of an XMP packet.

    Attributes:
        space: URI of its namespace, or its prefix where only text could be searched.
        name: its local name.
        path: local names of the properties around it, the outermost first.
        value: what it says.
    """

    space: str
    name: str
    path: tuple[str, ...]
    value: str


def read(block: memoryview, notes: Notes) -> None:
    """Say what a packet says."""
    from cloak.inspect import xmp_words  # noqa: PLC0415 -- it needs `Property`

    found, damage = properties(block)
    if damage:
        notes.damaged(f"the XMP block is damaged ({damage})")
    xmp_words.say(found, notes)


def properties(block: bytes | memoryview) -> tuple[list[Property], str]:
    """The properties of a packet, and what is wrong with it ("" for nothing)."""
    text = whole(block[:_LARGEST])
    start = text.find("<")
    text = text[max(start, 0) :].rstrip("\0 \t\r\n")
    reader = _Reader()
    try:
        reader.parse(re.sub(r"^<\?xml[^>]{0,200}\?>", "", text))
    except (expat.ExpatError, StructureError) as error:
        known = {(item.name, item.value) for item in reader.found}
        extra = [item for item in _searched(text[:_SEARCHED]) if (item.name, item.value) not in known]
        return reader.found + extra, str(error)
    return reader.found, "larger than is read" if len(block) > _LARGEST else ""


class _Reader:
    """Turns the events of the XML parser into properties."""

    def __init__(self) -> None:
        self.found: list[Property] = []
        self._open: list[tuple[str, str]] = []
        self._text: list[str] = []
        self._length = 0

    def parse(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(text, True)

    def _doctype(self, *_: object) -> None:
        raise StructureError("a document type in it")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= _DEEPEST or len(self.found) >= _MOST:
            raise StructureError("more in it than is read")
        self._flush()
        space, _, name = tag.rpartition(" ")
        self._open.append((space, name))
        for key, value in attributes.items():
            self._keep(*key.rpartition(" ")[::2], value)

    def _end(self, _: str) -> None:
        self._flush()
        self._open.pop()

    def _characters(self, data: str) -> None:
        self._length += len(data)
        if self._length <= _LONGEST:
            self._text.append(data)

    def _flush(self) -> None:
        """A text belongs to the innermost property that is open: lists and their members are nobody's name."""
        value = "".join(self._text).strip()
        self._text, self._length = [], 0
        if value:
            inner = next((place for place in range(len(self._open) - 1, -1, -1) if self._open[place][0] != _RDF), -1)
            if inner >= 0:
                self._keep(*self._open[inner], value, around=self._open[:inner])

    def _keep(self, space: str, name: str, value: str, around: list[tuple[str, str]] | None = None) -> None:
        if space in {_RDF, "", "http://www.w3.org/XML/1998/namespace"} or not value.strip():
            return
        outside = self._open if around is None else around
        path = tuple(local for uri, local in outside if uri not in {_RDF, "adobe:ns:meta/"})
        self.found.append(Property(space, name, path, value.strip()))


def _searched(text: str) -> Iterator[Property]:
    """What looks like properties in text that is no XML."""
    for pattern in (_ATTRIBUTE, _ELEMENT):
        for number, found in enumerate(pattern.finditer(text)):
            if number >= _MOST:
                break
            prefix, name, *values = found.groups()
            value = next((value for value in values if value), "").strip()
            if value and prefix not in {"xmlns", "rdf", "xml", "x"}:
                yield Property(prefix, name, (), value)

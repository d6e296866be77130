"""What encoders, and those who hide something, write into coded HEIC and AVIF pictures beside the pixels.

Only what can be read is told: most encoders write a few bytes that say nothing about anybody.
"""

import contextlib
import re
from collections.abc import Iterator

from cloak.errors import PhotoError
from cloak.image import bmff
from cloak.image.bmff import Meta
from cloak.image.buffers import Buffer
from cloak.image.strip.base import Memory, Span
from cloak.image.strip.isobmff_bits import Units
from cloak.image.strip.isobmff_boxes import Content, Report
from cloak.image.strip.isobmff_items import CODED
from cloak.image.structure import StructureError
from cloak.inspect.finding import Harm, Notes

_WORDS = re.compile(rb"[\x20-\x7e]{8,}")
_MOST_ITEMS = 2_000
_LARGEST = 1 << 12


def read(data: Buffer | memoryview, meta: Meta, notes: Notes) -> None:
    """Say what is written beside the pixels of the pictures that are items."""
    units = Units(Report())
    for number, item in list(meta.items.items())[:_MOST_ITEMS]:
        parameters = meta.properties_of(number, CODED.get(item.kind, b""))
        if not parameters:
            continue
        with contextlib.suppress(PhotoError, StructureError):
            places = bmff.extents(data, meta, number)  # type: ignore[arg-type]  # only their length is asked for
            content = Content(Memory(data), [Span(*place) for place in places])  # type: ignore[arg-type]
            for message in _messages(units, item.kind, content, bytes(parameters[0].body)):
                for found in _WORDS.finditer(message):
                    words = found.group().decode()
                    notes.say(Harm.TRAVELS, "messages of the encoder inside the picture", words, source="item")


def _messages(units: Units, kind: bytes, content: Content, parameters: bytes) -> Iterator[bytes]:
    last = 0
    for start, end in (*units.picture(kind, content, parameters).ranges, (content.size, content.size)):
        if start > last:
            yield content.read(last, min(start - last, _LARGEST))
        last = end

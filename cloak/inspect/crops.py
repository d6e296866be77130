"""What was cropped away from a HEIC or AVIF picture, and is still in the file.

Source: ISO/IEC 14496-12:2022, section 12.1.4.
"""

from collections.abc import Sequence

from cloak.image.bmff import Box, Meta
from cloak.image.scan.isobmff_crop import hidden
from cloak.image.structure import StructureError
from cloak.inspect import film_words
from cloak.inspect.finding import Harm, Notes

_ENTRY = 78
"""Bytes of a sample entry in front of the boxes in it."""

_SIDES = ("left", "right", "at the top", "at the bottom")


def read(meta: Meta, notes: Notes) -> None:
    """Note the items whose crop hides something."""
    for places in list(meta.owned.values())[:2000]:
        _say([meta.properties[place] for place in places if place < len(meta.properties)], (0, 0), notes, "item")


def read_entries(box: Box, notes: Notes, source: str) -> None:
    """Note the crops of the frames of an animation or a video."""
    for entry in film_words.children(box.body[8:]):
        if len(entry.body) >= _ENTRY:
            size = int.from_bytes(entry.body[24:26], "big"), int.from_bytes(entry.body[26:28], "big")
            _say(list(film_words.children(entry.body[_ENTRY:])), size, notes, source)


def _say(properties: Sequence[Box], size: tuple[int, int], notes: Notes, source: str) -> None:
    try:
        cut = hidden(properties, size)
    except StructureError as error:
        notes.damaged(f"a crop could not be understood ({error})")
        return
    if any(cut):
        told = ", ".join(f"{pixels} {side}" for pixels, side in zip(cut, _SIDES, strict=True) if pixels)
        notes.say(Harm.CROPPED, "what was cropped away", f"pixels: {told}", source=source)

"""What Photoshop's image resources hold.

Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks".
"""

from cloak.inspect import blocks
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_HEADERS = (b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:")
SIGNATURES = frozenset({b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa"})
"""What a resource starts with."""

_BLOCKS = {0x0404: "IPTC", 0x0422: "EXIF", 0x0423: "EXIF", 0x0424: "XMP", 0x040F: "colour profile"}
_THUMBNAILS = (0x0409, 0x040C)
_THUMBNAIL_HEADER = 28
_URL, _SLICES, _VERSION, _CAPTION = 0x040B, 0x041A, 0x0421, 0x03F0
_MOST = 1_000


def read(block: memoryview, notes: Notes) -> None:
    """Say what resources say, with or without the header of a JPEG segment in front."""
    position = next((len(header) for header in _HEADERS if bytes(block[: len(header)]) == header), 0)
    others = 0
    for _ in range(_MOST):
        if bytes(block[position : position + 4]) not in SIGNATURES or position + 12 > len(block):
            break
        kind = int.from_bytes(block[position + 4 : position + 6], "big")
        start = position + 6 + (block[position + 6] + 2) // 2 * 2
        size = int.from_bytes(block[start : start + 4], "big")
        content = block[start + 4 : start + 4 + size]
        position = start + 4 + size + size % 2
        others += not _resource(kind, content, notes)
    notes.say(Harm.TRAVELS, "Photoshop settings", f"{others} entries" if others else "", source="Photoshop")


def _resource(kind: int, content: memoryview, notes: Notes) -> bool:
    """Say one resource; False where only its presence counts."""
    if kind in _BLOCKS:
        blocks.read(_BLOCKS[kind], content, notes)
    elif kind in _THUMBNAILS:
        notes.picture(content[_THUMBNAIL_HEADER:], "thumbnail", source="Photoshop")
    elif kind == _URL and (url := decoded(content)):
        notes.say(Harm.WHO, "contact", url, source="Photoshop")
    elif kind == _CAPTION and len(content) > 1:
        notes.say(Harm.WHO, "caption", decoded(content[1:]), source="Photoshop")
    elif kind == _SLICES and (name := _unicode(content, 20)):
        notes.say(Harm.NAME, "name in Photoshop", name, source="Photoshop")
    elif kind == _VERSION and (name := _unicode(content, 5)):
        notes.say(Harm.DEVICE, "software", name, source="Photoshop")
    else:
        return False
    return True


def _unicode(content: memoryview, start: int) -> str:
    count = int.from_bytes(content[start : start + 4], "big")
    return bytes(content[start + 4 : start + 4 + 2 * min(count, 1000)]).decode("utf-16-be", "replace").strip("\0 ")

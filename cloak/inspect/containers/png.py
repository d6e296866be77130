"""PNG and APNG: text, dates, EXIF, profiles, and chunks that nobody needs.

Source: PNG third edition, sections 5 and 11; ExifTool's documentation for ImageMagick's raw profiles.
"""

import binascii
import contextlib
import re
import zlib
from collections.abc import Iterator

from cloak.errors import PhotoError
from cloak.image.buffers import Buffer
from cloak.image.strip.png_pixels import Header
from cloak.inspect import after, blocks, unused
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.surplus import Surplus
from cloak.inspect.text import decoded

_PLAIN = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"sRGB",
        b"gAMA",
        b"cHRM",
        b"sBIT",
        b"bKGD",
        b"hIST",
        b"acTL",
        b"fcTL",
    }
    | {b"fdAT", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi", b"sPLT", b"pHYs"}
)
_LARGEST = 1 << 24
_PROFILES = {
    b"exif": "EXIF",
    b"APP1": "EXIF",
    b"iptc": "IPTC",
    b"8bim": "Photoshop",
    b"xmp": "XMP",
    b"icc": "colour profile",
}
_PROFILES |= {b"icm": "colour profile"}
_WORDS = {
    "author": (Harm.WHO, "artist"),
    "artist": (Harm.WHO, "artist"),
    "copyright": (Harm.WHO, "copyright"),
    "title": (Harm.WHO, "title"),
    "description": (Harm.WHO, "caption"),
    "comment": (Harm.WHO, "comment"),
    "parameters": (Harm.WHO, "prompt"),
    "prompt": (Harm.WHO, "prompt"),
    "software": (Harm.DEVICE, "software"),
    "source": (Harm.DEVICE, "camera or phone"),
    "make": (Harm.DEVICE, "camera or phone"),
    "model": (Harm.DEVICE, "camera or phone"),
    "creation time": (Harm.WHEN, "created"),
    "url": (Harm.WHO, "contact"),
}
_COPIED = ("exif:", "exif_", "tiff:", "icc:", "jpeg:", "png:")
_COPIED_WORDS = frozenset({"make", "model", "software", "artist", "copyright", "author", "comment"})
"""What ImageMagick copies out of other blocks, and what of it is told like the rest."""

_SIGNATURE = 8
_MOST = 300_000


def read(data: Buffer, notes: Notes) -> None:
    """Say what a PNG says, and what follows it."""
    end = _SIGNATURE
    others: dict[str, int] = {}
    pictures = _Pictures(data)
    with memoryview(data) as view:
        for kind, start, end in _chunks(data):
            size = end - 4 - start
            content = bytes(view[start : start + min(size, _LARGEST)]) if kind not in _PLAIN else b""
            if kind not in _PLAIN and not _chunk(kind, content, notes):
                name = kind.decode("latin-1")
                others[name] = others.get(name, 0) + size
            pictures.take(kind, start, end - 4)
            if kind == b"IEND":
                pictures.tell(notes)
                if end < len(data):
                    after.read(data, end, notes)
                break
        else:
            notes.damaged("the PNG file ends before its IEND chunk")
    for name, size in list(others.items())[:50]:
        notes.say(Harm.TRAVELS, f"private chunk ({name})", f"{size:,} bytes", source="PNG")


class _Pictures:
    """Where the pixels of the pictures lie, and how many there should be."""

    def __init__(self, data: Buffer) -> None:
        self._data = data
        self._found: list[tuple[bytes, list[unused.Span]]] = []

    def take(self, kind: bytes, start: int, end: int) -> None:
        """Look at a chunk, given by its content."""
        if kind == b"IHDR":
            self._found.append((bytes(self._data[start : start + 8]), []))
        elif kind == b"fcTL" and self._found and (len(self._found) > 1 or self._found[0][1]):  # not the first frame
            self._found.append((bytes(self._data[start + 4 : start + 12]), []))
        elif kind == b"IDAT" and self._found:
            self._found[0][1].append((start, end))
        elif kind == b"fdAT" and len(self._found) > 1:
            self._found[-1][1].append((start + 4, end))

    def tell(self, notes: Notes) -> None:
        """Say how many bytes are behind the pixels."""
        surplus = Surplus(self._data)
        with contextlib.suppress(PhotoError):
            header = Header.parse(bytes(self._data[16:29]))
            for edges, places in self._found:
                size = header.size(int.from_bytes(edges[:4], "big"), int.from_bytes(edges[4:], "big"))
                surplus.add(places, size)
        unused.tell(surplus.count, notes)


def _chunks(data: Buffer) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of the content, and the offset after the checksum."""
    position = _SIGNATURE
    for _ in range(_MOST):
        if position + 12 > len(data):
            return
        size, kind = int.from_bytes(data[position : position + 4], "big"), bytes(data[position + 4 : position + 8])
        end = position + 12 + size
        if end > len(data):
            return
        yield kind, position + 8, end
        position = end


def _chunk(kind: bytes, content: bytes, notes: Notes) -> bool:
    """Say one chunk; False for a kind that we do not know."""
    with notes.reading(f"chunk {kind.decode('latin-1')}"):
        if kind == b"eXIf":
            blocks.read("EXIF", content, notes)
        elif kind == b"zxIf":
            blocks.read("EXIF", _inflated(content[5:] if content[:1] == b"\0" else content, notes), notes)
        elif kind == b"iCCP":
            blocks.read("colour profile", _inflated(content.partition(b"\0")[2][1:], notes), notes)
        elif kind == b"tIME" and len(content) >= 7:
            year, rest = int.from_bytes(content[:2], "big"), content[2:7]
            notes.say(Harm.WHEN, "changed", "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(year, *rest), source="PNG")
        elif kind == b"caBX":
            blocks.read("content credentials", content, notes)
        elif kind in {b"tEXt", b"zTXt", b"iTXt"}:
            _text(kind, content, notes)
        else:
            return False
    return True


def _text(kind: bytes, content: bytes, notes: Notes) -> None:
    keyword, _, rest = content.partition(b"\0")
    if kind == b"zTXt":
        rest = _inflated(rest[1:], notes)
    elif kind == b"iTXt":
        packed, body = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
        rest = _inflated(body[-1], notes) if packed else body[-1]
    if keyword == b"XML:com.adobe.xmp":
        blocks.read("XMP", rest, notes)
    elif keyword.startswith(b"Raw profile type "):
        _raw_profile(keyword[17:], rest, notes)
    else:
        _said(decoded(keyword), decoded(rest), notes)


def _said(name: str, value: str, notes: Notes) -> None:
    short = name.casefold().rpartition(":")[2].replace("_", " ")
    if re.fullmatch(r"(date|.*date.?time.*|.*time ?stamp|create ?date|modify ?date|.*date)", short) or name.startswith(
        "date:"
    ):
        notes.say(Harm.WHEN, f"date ({name})", value, source="PNG text")
    elif "serial" in short:
        notes.say(Harm.DEVICE, "serial number of the camera", value, source="PNG text")
    elif "gps" in short:
        notes.say(Harm.WHERE, f"GPS detail ({name})", value, source="PNG text")
    elif short.endswith(("documentid", "instanceid")):
        notes.say(Harm.TRAVELS, "ID of the document", value, source="PNG text")
    elif name.startswith(_COPIED) and (name.startswith("icc:") or short not in _COPIED_WORDS):
        notes.say(Harm.TRAVELS, f"text ({name})", value, source="PNG text")
    elif short.partition("-")[0] in _WORDS:
        notes.say(*_WORDS[short.partition("-")[0]], value, source="PNG text")
    else:
        notes.say(Harm.WHO, f"text ({name or 'without a name'})", value, source="PNG text")


def _raw_profile(name: bytes, text: bytes, notes: Notes) -> None:
    """A block of another format as hexadecimal digits: a line with its name, one with its length, then the digits."""
    lines = text.strip().split(b"\n", 2)
    digits = re.sub(rb"[^0-9a-fA-F]", b"", lines[2] if len(lines) > 2 else b"")
    content = binascii.unhexlify(digits[: len(digits) // 2 * 2])
    kind = _PROFILES.get(name, "")
    if kind == "EXIF" and content.startswith(b"http://ns.adobe.com/xap/"):
        kind, content = "XMP", content.partition(b"\0")[2]
    elif kind == "IPTC" and content[:4] == b"8BIM":
        kind = "Photoshop"
    if kind:
        blocks.read(kind, content, notes)
    else:
        value = f"{decoded(name)}, {len(content):,} bytes"
        notes.say(Harm.TRAVELS, "data of an application", value, source="PNG text")


def _inflated(packed: bytes, notes: Notes) -> bytes:
    """Unpack, up to a size that no honest block has."""
    notes.spend(len(packed))
    content = zlib.decompressobj().decompress(packed, _LARGEST)
    notes.spend(len(content))
    return content

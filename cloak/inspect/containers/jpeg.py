"""JPEG, with further pictures (MPO), motion videos and whatever else follows the picture.

Source: ITU T.81, annex B; CIPA DC-007 (MPF); Adobe TN 5116; XMP part 3, section 1.1.3.
"""

import re
from collections.abc import Iterator

from cloak.image.buffers import Buffer, search
from cloak.inspect import after, blocks, ciff
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.photoshop import SIGNATURES
from cloak.inspect.text import decoded

_ENTROPY_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_SOS, _EOI, _COMMENT = 0xDA, 0xD9, 0xFE
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PROFILE = b"ICC_PROFILE\0"
_PHOTOSHOP = (b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:")
_THERMAL = b"FLIR\0"
_DUCKY, _DUCKY_TEXTS = b"Ducky", {2: "comment", 3: "copyright"}
_KODAK, _GOPRO = frozenset({b"META\0\0", b"Meta\0\0", b"Exif\0\0"}), b"GoPro\0"
_OTHERS = ((b"MPF\0", "further pictures (index)"), (b"urn:iso:std:iso:ts:21496:", "gain map"))
_JFXX_JPEG = 0x10
_LARGEST = 1 << 26
_MOST = 200_000
_PICTURE_INFO = {
    "serial#": (Harm.DEVICE, "serial number of the camera"),
    "serialnumber": (Harm.DEVICE, "serial number of the camera"),
    "timedate": (Harm.WHEN, "taken"),
    "type": (Harm.DEVICE, "camera or phone"),
    "id": (Harm.DEVICE, "camera or phone"),
    "version": (Harm.DEVICE, "software of the camera"),
}


def read(data: Buffer, notes: Notes) -> None:
    """Say what a JPEG says, and what follows it."""
    end = read_picture(data, 0, notes)
    if end < len(data):
        after.read(data, end, notes)


def read_picture(data: Buffer, start: int, notes: Notes) -> int:
    """Read one picture from its start marker on; return the offset after its end marker."""
    parts = _Parts(notes)
    end = len(data)
    complete = False
    stray, last = 0, start + 2
    with memoryview(data) as view:
        for marker, begin, stop in segments(data, start):
            between = view[last : begin - (2 if marker == _EOI else 4)]
            if len(between) and bytes(between[:_LARGEST]).strip(b"\0\xff"):  # more than padding
                stray += len(between)
            last = len(data) if marker == _SOS else stop  # what follows is the coded picture
            if marker == _EOI:
                end, complete = stop, True
            elif marker == _COMMENT:
                notes.say(Harm.WHO, "comment", decoded(view[begin:stop]), source="JPEG comment")
            elif 0xE0 <= marker <= 0xEF:
                with notes.reading(f"block APP{marker - 0xE0}"):
                    parts.application(marker - 0xE0, bytes(view[begin:stop]))
    parts.finish()
    if stray:
        notes.say(Harm.TRAVELS, "bytes between the parts of the file", f"{stray:,} bytes", source="JPEG")
    if not complete:
        notes.damaged("the JPEG file ends before its end marker")
    return end


def segments(data: Buffer, position: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of the content of each segment up to the end marker, over whatever lies between."""
    for _ in range(_MOST):
        found = search(_MARKER, data, position)
        if found is None:
            return
        marker, position = data[found.start() + 1], found.start() + 2
        if marker == _EOI:
            yield marker, position, position
            return
        if marker in _ALONE:
            continue
        size = int.from_bytes(data[position : position + 2], "big")
        if size < 2:
            continue
        stop = min(position + size, len(data))
        yield marker, position + 2, max(position + 2, stop)
        position = stop
        if marker == _SOS:
            over = search(_ENTROPY_END, data, position)
            position = over.start() if over else len(data)


class _Parts:
    """What is spread over several segments, until it is whole."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.profile: dict[int, bytes] = {}
        self.xmp: dict[bytes, dict[int, bytes]] = {}
        self.credentials: dict[tuple[int, bytes], dict[int, bytes]] = {}
        self.exif: list[bytes] = []
        self.photoshop: list[bytes] = []
        self.thermal: dict[int, bytes] = {}
        self.held = 0

    def application(self, number: int, block: bytes) -> None:
        """Read one application segment, or put it aside."""
        self.held += len(block)
        if self.held > _LARGEST:
            self.notes.damaged("more than 64 MB of metadata: the rest was not read")
        elif number == 0:
            self._first(block)
        elif number == 1:
            self._second(block)
        elif number == 2 and block.startswith(_PROFILE):
            self.profile.setdefault(block[len(_PROFILE)], block[len(_PROFILE) + 2 :])
        elif number == 11 and block.startswith(b"JP") and len(block) > 16:
            place = int.from_bytes(block[4:8], "big")
            self.credentials.setdefault((int.from_bytes(block[2:4], "big"), block[8:16]), {})[place] = block[8:]
        elif number == 13 and block.startswith(_PHOTOSHOP):
            self._resources(block)
        elif number == 12 and block.startswith(_DUCKY):
            self._ducky(block)
        elif number == 12 and b"=" in block:
            self._picture_info(block)
        elif number == 3 and block[:6] in _KODAK:
            blocks.read("EXIF", block[6:], self.notes)
        elif number == 6 and block.startswith(_GOPRO):
            blocks.read("GPMF", block[len(_GOPRO) :], self.notes)
        elif not (number == 14 and block.startswith(b"Adobe")):
            self._other(number, block)

    def _first(self, block: bytes) -> None:
        if block.startswith((b"JFIF\0", b"JFXX\0")):
            self._jfif(block)
        elif block[6:14] == b"HEAPJPGM":
            ciff.read(memoryview(block), self.notes)
        else:
            self._other(0, block)

    def _second(self, block: bytes) -> None:
        if block[:5].lower() == b"exif\0":
            if self.exif and not block[6:].startswith((b"II", b"MM", b"Exif\0")):  # some write the header twice
                self.exif[-1] += block[6:]  # what did not fit into one segment
            else:
                self.exif.append(block)
        elif block.startswith(_XMP):
            blocks.read("XMP", block[len(_XMP) :], self.notes)
        elif block.startswith(_MORE_XMP):
            head = len(_MORE_XMP)
            offset = int.from_bytes(block[head + 36 : head + 40], "big")
            self.xmp.setdefault(block[head : head + 32], {})[offset] = block[head + 40 :]
        elif block.startswith(_THERMAL) and len(block) > 8:
            self.thermal.setdefault(block[6], block[8:])
        elif block.lstrip(b"\0 ")[:10].startswith((b"<x:xmpmeta", b"<?xpacket")):
            blocks.read("XMP", block, self.notes)
        else:
            self._other(1, block)

    def _resources(self, block: bytes) -> None:
        """Put resources of Photoshop aside, with the rest of one that did not fit into the segment before."""
        head = next(head for head in _PHOTOSHOP if block.startswith(head))
        content = block[len(head) :]
        if self.photoshop and content[:4] not in SIGNATURES:
            self.photoshop[-1] += content
        else:
            self.photoshop.append(content)

    def finish(self) -> None:
        """Read what was put aside."""
        for block in self.photoshop:
            blocks.read("Photoshop", block, self.notes)
        for block in self.exif:
            blocks.read("EXIF", block, self.notes)
        if self.profile:
            blocks.read("colour profile", b"".join(part for _, part in sorted(self.profile.items())), self.notes)
        if self.thermal:
            blocks.read("FLIR", b"".join(part for _, part in sorted(self.thermal.items())), self.notes)
        for parts in self.xmp.values():
            blocks.read("XMP", b"".join(part for _, part in sorted(parts.items())), self.notes)
        for boxes in self.credentials.values():
            first, *rest = (part for _, part in sorted(boxes.items()))
            # Each further segment repeats the header of the box: 8 bytes, 16 where its size is a long one.
            header = 16 if first[:4] == b"\0\0\0\1" else 8
            whole = first + b"".join(part[header:] for part in rest)
            if b"jumb" in whole[:16]:
                blocks.read("content credentials", whole, self.notes)
            else:
                self.notes.say(Harm.TRAVELS, "data of an application (APP11)", f"{len(whole):,} bytes", source="APP11")

    def _jfif(self, block: bytes) -> None:
        if block.startswith(b"JFXX"):
            if block[5] == _JFXX_JPEG:
                self.notes.picture(block[6:], "thumbnail", source="JFXX")
            else:
                self.notes.say(Harm.CROPPED, "thumbnail", f"{block[6]} x {block[7]} pixels", source="JFXX")
        elif len(block) > 14 and block[12] and block[13]:
            self.notes.say(Harm.CROPPED, "thumbnail", f"{block[12]} x {block[13]} pixels", source="JFIF")

    def _ducky(self, block: bytes) -> None:
        """What Photoshop writes for the web: a quality, a comment and rights, each a number, a size and a value."""
        position, told = len(_DUCKY), False
        while number := int.from_bytes(block[position : position + 2], "big"):
            size = int.from_bytes(block[position + 2 : position + 4], "big")
            content = block[position + 4 : position + 4 + size]
            if number in _DUCKY_TEXTS:  # behind how many characters they have
                value = content[4:].decode("utf-16-be", "replace").strip("\0 ")
                self.notes.say(Harm.WHO, _DUCKY_TEXTS[number], value, source="APP12")
                told = True
            position += 4 + size
        if not told:
            self._other(12, block)

    def _picture_info(self, block: bytes) -> None:
        """Lines of "name=value", as early cameras wrote them."""
        self.notes.say(Harm.DEVICE, "notes of the camera", f"{len(block):,} bytes", source="APP12")
        for line in block[: 1 << 14].replace(b"\r", b"\n").replace(b"\0", b"\n").split(b"\n"):
            name, _, value = line.decode("latin-1").partition("=")
            if value.strip() and name.strip().casefold() in _PICTURE_INFO:
                self.notes.say(*_PICTURE_INFO[name.strip().casefold()], value.strip(), source="APP12")

    def _other(self, number: int, block: bytes) -> None:
        head = re.match(rb"[\x20-\x7e]{3,40}", block)
        name = f"{head.group().decode()}, " if head else ""
        what = next((what for mark, what in _OTHERS if block.startswith(mark)), f"data of an application (APP{number})")
        self.notes.say(Harm.TRAVELS, what, f"{name}{len(block):,} bytes", source=f"APP{number}")

"""Make `phone.jpg` from a plain portrait: turned on its side, with the metadata that a phone writes.

Every value is invented except the place, which is a public landmark. Run as
`python build.py grace_hopper.jpg phone.jpg`; CREDITS.md says where the portrait comes from.
"""

import io
import struct
import sys
from pathlib import Path

from PIL import Image

ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 2, 3, 4, 5, 7, 10
ROTATE_90_CW = 6  # what a viewer has to do with the stored pixels
HEADER = 8  # bytes of a TIFF header, in front of the first directory
Entry = tuple[int, int, int, bytes]  # tag, type, count, big-endian value


def ascii_(tag: int, text: str) -> Entry:
    """A text entry, with the closing zero that Exif wants."""
    value = text.encode() + b"\0"
    return tag, ASCII, len(value), value


def short(tag: int, *values: int) -> Entry:
    """An entry of 16-bit numbers."""
    return tag, SHORT, len(values), struct.pack(f">{len(values)}H", *values)


def long(tag: int, *values: int) -> Entry:
    """An entry of 32-bit numbers."""
    return tag, LONG, len(values), struct.pack(f">{len(values)}I", *values)


def rational(tag: int, *values: tuple[int, int]) -> Entry:
    """An entry of fractions."""
    return tag, RATIONAL, len(values), b"".join(struct.pack(">II", *value) for value in values)


def undefined(tag: int, value: bytes) -> Entry:
    """An entry of plain bytes."""
    return tag, UNDEFINED, len(value), value


def directory(entries: list[Entry], *, start: int, following: int = 0) -> bytes:
    """One image file directory with its values behind it; offsets count from `start` of the TIFF header."""
    data_at = start + 2 + 12 * len(entries) + 4
    table, data = struct.pack(">H", len(entries)), b""
    for tag, kind, count, value in sorted(entries):
        field = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(">I", data_at + len(data))
        table += struct.pack(">HHI", tag, kind, count) + field
        if len(value) > 4:
            data += value + b"\0" * (len(value) % 2)
    return table + struct.pack(">I", following) + data


def maker_note() -> bytes:
    """A note laid out like a phone maker's: its own signature, byte order and directory."""
    signature = b"Apple iOS\0\0\1MM"
    entries = [
        long(0x0001, 14),
        ascii_(0x0011, "5D9F4B0E-7C41-4E63-9D0A-2F6B1C8E7A35"),
        (0x0008, SRATIONAL, 3, struct.pack(">6i", -985, 1000, 12, 1000, -141, 1000)),
        ascii_(0x0015, "8A2C6E10-53D7-4F2B-B1C9-D40E97F3A6B8"),
    ]
    return signature + directory(entries, start=len(signature))


def exif(size: tuple[int, int], thumbnail: bytes) -> bytes:
    """The whole Exif block of a photo of `size` (width, height), as stored."""
    taken, offset = "2024:07:14 18:32:07", "-04:00"
    camera = [
        rational(0x829A, (1, 121)), rational(0x829D, (178, 100)), short(0x8827, 80), undefined(0x9000, b"0232"),
        ascii_(0x9003, taken), ascii_(0x9004, taken), ascii_(0x9010, offset), ascii_(0x9011, offset),
        undefined(0x9101, b"\1\2\3\0"), undefined(0xA000, b"0100"), rational(0x920A, (686, 100)),
        undefined(0x927C, maker_note()), ascii_(0x9291, "483"),
        short(0xA001, 1), long(0xA002, size[0]), long(0xA003, size[1]), short(0xA405, 26),
        ascii_(0xA420, "f3b06c9a41d74e5e8c2b7a90d15e6f84"), ascii_(0xA430, "Grace's phone"),
        ascii_(0xA431, "F2LX9K0PQ1"), ascii_(0xA433, "Apple"),
        ascii_(0xA434, "iPhone 14 Pro back camera 6.86mm f/1.78"),
    ]  # fmt: skip
    place = [  # the Washington Monument
        (0x0000, 1, 4, bytes([2, 3, 0, 0])),
        ascii_(0x0001, "N"), rational(0x0002, (38, 1), (53, 1), (2212, 100)),
        ascii_(0x0003, "W"), rational(0x0004, (77, 1), (2, 1), (659, 100)),
        (0x0005, 1, 1, b"\0"), rational(0x0006, (1273, 100)), rational(0x0007, (22, 1), (32, 1), (7, 1)),
        ascii_(0x0010, "T"), rational(0x0011, (11803, 100)), ascii_(0x001D, "2024:07:14"),
    ]  # fmt: skip
    picture = [
        ascii_(0x010F, "Apple"), ascii_(0x0110, "iPhone 14 Pro"), short(0x0112, ROTATE_90_CW),
        rational(0x011A, (72, 1)), rational(0x011B, (72, 1)), short(0x0128, 2), ascii_(0x0131, "17.5.1"),
        ascii_(0x0132, taken), ascii_(0x013C, "iPhone 14 Pro"), short(0x0213, 1),
    ]  # fmt: skip
    pointers = [long(0x8769, 0), long(0x8825, 0)]
    camera_at = HEADER + len(directory(picture + pointers, start=HEADER))
    place_at = camera_at + len(directory(camera, start=camera_at))
    preview_at = place_at + len(directory(place, start=place_at))
    preview = [
        short(0x0103, 6), rational(0x011A, (72, 1)), rational(0x011B, (72, 1)), short(0x0128, 2),
        long(0x0202, len(thumbnail)),
    ]  # fmt: skip
    thumbnail_at = preview_at + len(directory([*preview, long(0x0201, 0)], start=preview_at))
    preview.append(long(0x0201, thumbnail_at))
    pointers = [long(0x8769, camera_at), long(0x8825, place_at)]
    return (
        b"Exif\0\0MM\0\x2a" + struct.pack(">I", HEADER)
        + directory(picture + pointers, start=HEADER, following=preview_at)
        + directory(camera, start=camera_at)
        + directory(place, start=place_at)
        + directory(preview, start=preview_at)
        + thumbnail
    )  # fmt: skip


def main(source: Path, target: Path) -> None:
    """Write `target` from the upright portrait in `source`."""
    with Image.open(source) as portrait:
        stored = portrait.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    stored.info.clear()  # the comment that says where the portrait comes from: CREDITS.md does
    small, thumbnail = stored.copy(), io.BytesIO()
    small.thumbnail((160, 160))
    small.save(thumbnail, "jpeg", quality=75)
    stored.save(target, quality=93, exif=exif(stored.size, thumbnail.getvalue()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

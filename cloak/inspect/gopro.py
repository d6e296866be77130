"""What cameras of GoPro write beside EXIF: their serial number, firmware, and an ID of the picture.

Source: the GPMF introduction (github.com/gopro/gpmf-parser), "GPMF Key Length Value"; ExifTool's documentation.
"""

from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_TEXTS = {
    b"MINF": (Harm.DEVICE, "camera or phone"),
    b"CASN": (Harm.DEVICE, "serial number of the camera"),
    b"FMWR": (Harm.DEVICE, "software"),
}
_ID = b"MUID"
_MOST = 10_000


def read(block: memoryview, notes: Notes) -> None:
    """Say what a block says: names with values behind them, or, of no type, with further names."""
    notes.say(Harm.DEVICE, "notes of the camera", f"{len(block):,} bytes", source="GoPro")
    position = 0
    for _ in range(_MOST):
        if position + 8 > len(block):
            return
        name, kind = bytes(block[position : position + 4]), block[position + 4]
        size = block[position + 5] * int.from_bytes(block[position + 6 : position + 8], "big")
        position += 8
        if not kind:
            continue
        content = block[position : position + size]
        position += size + -size % 4
        if name in _TEXTS and (value := decoded(content)):
            notes.say(*_TEXTS[name], value, source="GoPro")
        elif name == _ID and any(content):
            notes.say(Harm.DEVICE, "unique image ID", bytes(content[:32]).hex(), source="GoPro")


__all__ = ["read"]

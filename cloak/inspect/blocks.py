"""Hand a block of metadata to the reader of its kind, whatever container or block it was found in."""

from collections.abc import Callable
from importlib import import_module

from cloak.inspect.finding import Notes

Reader = Callable[[memoryview, Notes], None]

_MODULES = {
    "EXIF": "exif",
    "XMP": "xmp",
    "IPTC": "iptc",
    "Photoshop": "photoshop",
    "colour profile": "profile",
    "content credentials": "credentials",
    "FLIR": "flir",
    "GPMF": "gopro",
}


def read(kind: str, block: bytes | memoryview, notes: Notes) -> None:
    """Read one block; whatever is wrong with it is noted.

    Args:
        kind: one of "EXIF", "XMP", "IPTC", "Photoshop", "colour profile", "content credentials", "FLIR", "GPMF".
        block: its content.
        notes: where to write down what it says.
    """
    with notes.reading(f"the {kind} block"):
        notes.spend(len(block))
        reader: Reader = import_module(f"cloak.inspect.{_MODULES[kind]}").read
        reader(memoryview(block), notes)

"""What a still WebP file may consist of."""

from cloak.errors import ResidueError
from cloak.image.icc import DISPLAY_P3
from cloak.image.structure import Piece, riff_chunks

_ICC_FLAG, _ALPHA_FLAG = 0x20, 0x10
_ORDERS = (
    (b"VP8 ",),
    (b"VP8L",),
    (b"VP8X", b"VP8 "),
    (b"VP8X", b"VP8L"),
    (b"VP8X", b"ALPH", b"VP8 "),
    (b"VP8X", b"ICCP", b"VP8 "),
    (b"VP8X", b"ICCP", b"VP8L"),
    (b"VP8X", b"ICCP", b"ALPH", b"VP8 "),
)


def scan(data: bytes) -> None:
    """Check a WebP file: one picture, at most one alpha plane and the canonical profile, and flags that say so.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its chunks cannot be followed.
    """
    chunks = list(riff_chunks(data))
    kinds = tuple(chunk.kind for chunk in chunks)
    if kinds not in _ORDERS:
        raise ResidueError(f"WebP: chunks {b', '.join(kinds).decode('latin-1')}, of which some should not be there")
    if chunks[-1].end != len(data):
        raise ResidueError(f"WebP: {len(data) - chunks[-1].end} bytes after the end of the image")
    for chunk in chunks:
        if len(chunk.payload) % 2 and data[chunk.end - 1]:
            raise ResidueError(f"WebP: the padding at offset {chunk.end - 1} is not zero")
        if chunk.kind == b"ICCP" and chunk.payload != DISPLAY_P3:
            raise ResidueError("WebP: a colour profile other than the canonical one")
    if kinds[0] == b"VP8X":
        _check_flags(chunks[0], kinds)


def _check_flags(header: Piece, kinds: tuple[bytes, ...]) -> None:
    payload = bytes(header.payload)
    alpha = b"ALPH" in kinds
    # A lossless picture carries its alpha inside: there the flag may stand alone.
    flags = {
        (_ICC_FLAG if b"ICCP" in kinds else 0) | (_ALPHA_FLAG if on else 0) for on in (alpha, alpha or b"VP8L" in kinds)
    }
    if len(payload) != 10 or payload[0] not in flags or payload[1:4] != b"\0\0\0":
        raise ResidueError(f"WebP: flags {payload[:4].hex()} that do not fit what is there")

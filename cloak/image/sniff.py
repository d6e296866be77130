"""Tell what a file is from its content, never from its name."""

from cloak.container import Container
from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.bmff import own_boxes
from cloak.image.structure import StructureError

_MAGIC = (
    (b"\xff\xd8\xff", Container.JPEG),
    (b"\x89PNG\r\n\x1a\n", Container.PNG),
    (b"II*\0", Container.TIFF),
    (b"MM\0*", Container.TIFF),
    (b"II+\0", Container.TIFF),
    (b"MM\0+", Container.TIFF),
    (b"GIF87a", Container.GIF),
    (b"GIF89a", Container.GIF),
    (b"BM", Container.BMP),
    (b"\0\0\0\x0cjP  ", Container.JP2),
    (b"\xff\x4f\xff\x51", Container.JP2),
)
_BIG = frozenset({b"II+\0", b"MM\0+"})
_KNOWN = (  # recognised so that the reason can be named
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"FUJIFILM", "a camera raw file"),
    (b"IIU\0", "a camera raw file"),
    (b"IIRO", "a camera raw file"),
    (b"\0\0\1\0", "an icon"),
    (b"qoif", "a QOI"),
)
_STILL = {
    b"avif": Container.AVIF,
    b"heic": Container.HEIC,
    b"heix": Container.HEIC,
    b"heim": Container.HEIC,
    b"heis": Container.HEIC,
}
_SEQUENCES = {
    b"avis": Container.AVIF,
    b"hevc": Container.HEIC,
    b"hevx": Container.HEIC,
    b"hevm": Container.HEIC,
    b"hevs": Container.HEIC,
}
_UNDECODED = {Container.GIF: "a GIF", Container.BMP: "a Windows bitmap (BMP)", Container.JP2: "a JPEG 2000"}
READABLE = "convert it to JPEG, PNG, WebP, AVIF, HEIC or TIFF first"
HEAD = 4096
"""Bytes from the start of a file that `recognise` needs."""


def sniff(data: bytes) -> Container:
    """Recognise the container of a still photo that can be decoded.

    Raises:
        UnreadablePhotoError: empty, or no image that we know.
        UnsupportedPhotoError: an image of a kind that is not read, or a film.
    """
    if data[4:8] == b"ftyp":
        return _still(data)
    container = recognise(data)
    undecoded = "a BigTIFF" if data[:4] in _BIG else _UNDECODED.get(container)
    if undecoded:
        raise UnsupportedPhotoError(f"{undecoded} is not supported: {READABLE}")
    return container


def recognise(head: bytes) -> Container:
    """Recognise the container of a file that can be stripped, animations and image sequences included.

    Args:
        head: its first `HEAD` bytes, or all of them.

    Raises:
        UnreadablePhotoError: empty, or no image that we know.
        UnsupportedPhotoError: an image of a kind that is not rewritten, or a film.
    """
    if not head:
        raise UnreadablePhotoError("the file is empty (0 bytes): copy it again from where it came from")
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Container.WEBP
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        return _of_brands(head[8:size], {**_STILL, **_SEQUENCES})
    for magic, name in _KNOWN:
        if head.startswith(magic):
            raise UnsupportedPhotoError(f"{name} is not supported: {READABLE}")
    raise UnreadablePhotoError(
        f"not an image, or of a kind we do not know (starts with {head[:8].hex(' ')}): {READABLE}"
    )


def _of_brands(body: bytes, known: dict[bytes, Container]) -> Container:
    """The container that the brands in a file type box stand for: the main one, a version, then the others."""
    brands = [body[index : index + 4] for index in range(0, len(body), 4) if index != 4]
    for brand in brands:
        if brand in known:
            return known[brand]
    if body[:4] == b"crx ":
        raise UnsupportedPhotoError("a camera raw file: develop it to JPEG or TIFF first")
    raise UnsupportedPhotoError(f"a file of brand {body[:4]!r} is not supported: {READABLE}")


def _still(data: bytes) -> Container:
    try:
        top = list(own_boxes(memoryview(data)))
    except StructureError as error:
        raise UnreadablePhotoError(f"truncated or damaged ({error}): copy it again from where it came from") from None
    body = bytes(top[0].body)
    if body[:4] in {*_SEQUENCES, b"msf1"} or {b"moov", b"moof"} & {box.kind for box in top}:
        raise UnsupportedPhotoError("an animation, image sequence or film: only still photos are protected")
    return _of_brands(body, _STILL)

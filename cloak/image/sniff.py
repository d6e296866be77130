"""Tell what a file is from its content, never from its name."""

from cloak.container import Container
from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.bmff import boxes
from cloak.image.structure import StructureError

_MAGIC = (
    (b"\xff\xd8\xff", Container.JPEG),
    (b"\x89PNG\r\n\x1a\n", Container.PNG),
    (b"II*\0", Container.TIFF),
    (b"MM\0*", Container.TIFF),
)
_KNOWN = (  # recognised so that the reason can be named
    (b"GIF8", "a GIF"),
    (b"BM", "a Windows bitmap (BMP)"),
    (b"II+\0", "a BigTIFF"),
    (b"MM\0+", "a BigTIFF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
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
_SEQUENCES = frozenset({b"avis", b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"})
READABLE = "convert it to JPEG, PNG, WebP, AVIF, HEIC or TIFF first"


def sniff(data: bytes) -> Container:
    """Recognise the container of a still photo.

    Raises:
        UnreadablePhotoError: empty, or no image that we know.
        UnsupportedPhotoError: an image of a kind that is not read, or a film.
    """
    if not data:
        raise UnreadablePhotoError("the file is empty (0 bytes): copy it again from where it came from")
    for magic, container in _MAGIC:
        if data.startswith(magic):
            return container
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Container.WEBP
    if data[4:8] == b"ftyp":
        return _isobmff(data)
    for magic, name in _KNOWN:
        if data.startswith(magic):
            raise UnsupportedPhotoError(f"{name} is not supported: {READABLE}")
    raise UnreadablePhotoError(
        f"not an image, or of a kind we do not know (starts with {data[:8].hex(' ')}): {READABLE}"
    )


def _isobmff(data: bytes) -> Container:
    try:
        top = list(boxes(memoryview(data)))
    except StructureError as error:
        raise UnreadablePhotoError(f"truncated or damaged ({error}): copy it again from where it came from") from None
    brand, brands = bytes(top[0].body[:4]), top[0].body[8:]
    listed = [bytes(brands[index : index + 4]) for index in range(0, len(brands), 4)]
    kinds = {box.kind for box in top}
    if brand in _SEQUENCES or b"moov" in kinds or b"moof" in kinds:
        raise UnsupportedPhotoError("an animation, image sequence or film: only still photos are protected")
    for candidate in (brand, *listed):
        if candidate in _STILL:
            return _STILL[candidate]
    raise UnsupportedPhotoError(f"a file of brand {brand!r} is not supported: {READABLE}")

"""Open a TIFF with Pillow; of one that it does not decode, say whether it is damaged or of a kind that is not known."""

import io

from PIL import Image
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile

from cloak.errors import UnsupportedPhotoError
from cloak.image.structure import Directory

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _FORMAT = 256, 257, 258, 259, 262, 277, 339
_FORMATS = {1: "unsigned", 2: "signed", 3: "floating-point"}
_COLOURS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab"}
_INSTEAD = "save it with LZW or deflate compression"


def opened(data: bytes, first: Directory) -> TiffImageFile:
    """Read the head of a TIFF.

    Args:
        data: the file.
        first: the directory of its picture.

    Raises:
        UnsupportedPhotoError: its pixels are coded, or laid out, in a way that the decoder does not know.
    """
    compression = (first.integers(_COMPRESSION) or (1,))[0]
    if compression not in COMPRESSION_INFO:
        raise _unknown(f"coded in a way (number {compression}) that the decoder does not know: {_INSTEAD}")
    try:
        return TiffImageFile(io.BytesIO(data))
    except SyntaxError:  # Pillow's word for what it does not know
        if not (first.find(_WIDTH) and first.find(_HEIGHT)):
            raise
        raise _unknown(
            f"of a kind that the decoder does not know ({_kind(first)}): save it as RGB or grey with 8 or 16 bits"
        ) from None


def load(image: TiffImageFile) -> None:
    """Decode the pixels.

    Raises:
        UnsupportedPhotoError: the decoder was built without what they are coded with.
        OSError: they are damaged.
    """
    name = COMPRESSION_INFO[image.tag_v2.get(_COMPRESSION, 1)]
    try:
        image.load()
    except OSError:
        if name in {"lzma", "webp", "zstd"} and not _is_built_in(name):
            raise _unknown(f"coded with {name}, which the decoder here was built without: {_INSTEAD}") from None
        raise


def _unknown(how: str) -> UnsupportedPhotoError:
    return UnsupportedPhotoError(f"a TIFF whose pixels are {how}")


def _is_built_in(name: str) -> bool:
    """Whether the decoder has a codec: it codes with those alone that it decodes."""
    try:
        Image.new("RGB", (8, 8)).save(io.BytesIO(), "TIFF", compression=name)
    except (OSError, RuntimeError):
        return False
    return True


def _kind(page: Directory) -> str:
    samples, bits = (page.integers(_SAMPLES) or (1,))[0], page.integers(_BITS) or (1,)
    form = _FORMATS.get((page.integers(_FORMAT) or (1,))[0], "unknown")
    stated = (page.integers(_PHOTOMETRIC) or (0,))[0]
    colours = _COLOURS.get(stated, f"number {stated}")
    depths = "/".join(map(str, sorted(set(bits[:samples]))[:4]))
    return f"{samples} samples of {depths} bits, {form}, colours: {colours}"


__all__ = ["load", "opened"]

"""Turn pixels into the bytes of each container, with nothing in them but pixels and a canonical colour profile."""

import io
from collections.abc import Callable

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageFile

from cloak.container import ColourSpace, Container, Encoding
from cloak.errors import UnsupportedPhotoError
from cloak.image.icc import DISPLAY_P3

Pixels = NDArray[np.uint8]

DEFAULT_QUALITY = 90
MAX_JPEG_QUALITY = 97  # above, files grow by half for differences of one grey level
_STRIP = 64  # rows handled at once where a whole photo in 32 bits would be too much
LIMITS = {Container.JPEG: 65_500, Container.WEBP: 16_383, Container.AVIF: 65_536, Container.HEIC: 32_768}


def write(pixels: Pixels, space: ColourSpace, encoding: Encoding) -> bytes:
    """Compress pixels.

    Args:
        pixels: uint8 (H, W, 3) or, with alpha, (H, W, 4).
        space: what the numbers mean; Display P3 gets the canonical profile, sRGB none.
        encoding: how. A quality of None is lossless where the container can be, else 90.

    Raises:
        UnsupportedPhotoError: the container cannot hold a photo of this size.
    """
    height, width, _ = pixels.shape
    limit = LIMITS.get(encoding.container)
    if limit and max(height, width) > limit:
        raise UnsupportedPhotoError(
            f"{width} x {height} pixels do not fit into {encoding.container.value.upper()} "
            f"(at most {limit} a side): choose another format, PNG for example"
        )
    profile = DISPLAY_P3 if space is ColourSpace.DISPLAY_P3 else b""
    return _WRITERS[encoding.container](pixels, profile, encoding)


def _jpeg(pixels: Pixels, profile: bytes, encoding: Encoding) -> bytes:
    quality = min(encoding.quality or DEFAULT_QUALITY, MAX_JPEG_QUALITY)
    # Pillow's buffer has to hold a whole optimised file, and is one byte a pixel: noise with all its colour needs more.
    ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 4 * pixels.shape[0] * pixels.shape[1])
    return _save(
        _greyed(_flattened(pixels), profile),
        "JPEG",
        quality=quality,
        subsampling=encoding.subsampling,
        progressive=encoding.progressive,
        optimize=True,
        icc_profile=profile,
    )


def _png(pixels: Pixels, profile: bytes, encoding: Encoding) -> bytes:  # noqa: ARG001 - one signature for all
    image = _greyed(pixels, profile)
    if len(image.getbands()) > 2:
        image = _palette(image) or image
    return _save(image, "PNG", icc_profile=profile or None)


def _webp(pixels: Pixels, profile: bytes, encoding: Encoding) -> bytes:
    quality = {"lossless": True, "exact": True} if encoding.quality is None else {"quality": encoding.quality}
    return _save(Image.fromarray(pixels), "WEBP", method=4, icc_profile=profile, **quality)


def _avif(pixels: Pixels, profile: bytes, encoding: Encoding) -> bytes:
    return _save(
        Image.fromarray(pixels),
        "AVIF",
        quality=encoding.quality or DEFAULT_QUALITY,
        subsampling=encoding.subsampling,
        speed=8,  # half the time of the default for three per cent of the size
        icc_profile=profile,
    )


def _heic(pixels: Pixels, profile: bytes, encoding: Encoding) -> bytes:
    height, width, channels = pixels.shape
    # From bare bytes, never from a Pillow image: pillow-heif copies EXIF and XMP of an image back into the file.
    heif = pillow_heif.from_bytes("RGBA" if channels == 4 else "RGB", (width, height), pixels.tobytes())
    if profile:
        heif[0].info.update(icc_profile=profile, icc_profile_type="prof")
    buffer = io.BytesIO()
    heif.save(
        buffer,
        quality=encoding.quality or DEFAULT_QUALITY,
        chroma=int(encoding.subsampling.replace(":", "")),
        enc_params={"preset": "ultrafast"},  # a quarter of the time of the default for a tenth of the size
        save_all=False,
    )
    return buffer.getvalue()


def _tiff(pixels: Pixels, profile: bytes, encoding: Encoding) -> bytes:  # noqa: ARG001 - one signature for all
    horizontal = {317: 2}  # predictor
    return _save(
        _greyed(pixels, profile), "TIFF", compression="tiff_adobe_deflate", tiffinfo=horizontal, icc_profile=profile
    )


_WRITERS: dict[Container, Callable[[Pixels, bytes, Encoding], bytes]] = {
    Container.JPEG: _jpeg,
    Container.PNG: _png,
    Container.WEBP: _webp,
    Container.AVIF: _avif,
    Container.HEIC: _heic,
    Container.TIFF: _tiff,
}


def _save(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def _flattened(pixels: Pixels) -> Pixels:
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    flat: Pixels = ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return flat


def _greyed(pixels: Pixels, profile: bytes) -> Image.Image:
    """Grey stays one channel, as it came; an RGB profile needs three."""
    if profile or not all(np.array_equal(pixels[..., 0], pixels[..., index]) for index in (1, 2)):
        return Image.fromarray(pixels)
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 3 else pixels[..., ::3]))


def _palette(image: Image.Image) -> Image.Image | None:
    """Few colours stay few: without a palette, screenshots and drawings would grow severalfold."""
    counted = image.getcolors(256)
    if counted is None or len(counted) * 3 > image.width * image.height:
        return None
    bands = len(image.getbands())
    table = np.array([colour for _, colour in counted], np.uint32)
    weights = 256 ** np.arange(
        bands, dtype=np.uint32
    )  # alpha weighs most: see-through entries come first, as tRNS likes
    keys = np.sort(table @ weights)
    indices = np.empty((image.height, image.width), np.uint8)
    pixels = np.asarray(image)
    for top in range(0, image.height, _STRIP):
        strip = pixels[top : top + _STRIP].astype(np.uint32) @ weights
        indices[top : top + _STRIP] = np.searchsorted(keys, strip)
    entries = (keys[:, None] // weights % 256).astype(np.uint8)
    palette = Image.fromarray(indices)
    palette.putpalette(entries[:, :3].tobytes())
    if bands == 4:
        palette.info["transparency"] = entries[:, 3].tobytes()
    return palette

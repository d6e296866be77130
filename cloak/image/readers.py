"""Open each container through the library that knows it best, and hand over pixels that have lost their file."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin
from PIL.AvifImagePlugin import AvifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from cloak.container import ColourSpace, Container, Encoding
from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image import bmff, colour, quality, tiff
from cloak.image.structure import Directory, png_chunks, riff_chunks, tiff_directories
from cloak.image.writers import write

_SAMPLINGS = {(2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:2:0", (4, 2): "4:2:0"}
_ANIMATED = "an animation of {} frames: only still photos are protected"
_DNG, _SUBFILE = 0xC612, 254
_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANES = 258, 259, 262, 284

# Histories in XMP and profiles of printers have more than Pillow's 1 MB; bombs are stopped where decoders run.
PngImagePlugin.MAX_TEXT_CHUNK = 32 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A photo as its container stores it.

    Attributes:
        image: mode L, RGB, CMYK, YCbCr or LAB.
        alpha: uint8 (H, W), None where every pixel is opaque.
        orientation: 1 to 8, EXIF's way: what must still be undone.
        profile: ICC profile.
        encoding: how it was compressed; for lossy WebP, AVIF and HEIC the quality is not known yet.
        coded_size: bytes of the coded picture where the quality must be estimated from them, else 0.
    """

    image: Image.Image
    alpha: NDArray[np.uint8] | None
    orientation: int
    profile: bytes | None
    encoding: Encoding
    coded_size: int = 0


Check = Callable[[int, int], None]


def open_photo(data: bytes, container: Container, check: Check) -> Opened:
    """Decode the pixels of a photo.

    Args:
        data: the file.
        container: what `sniff` said.
        check: called with width and height before any pixel is decoded; raises to refuse.
    """
    return _READERS[container](data, check)


def estimate_quality(opened: Opened, pixels: NDArray[np.uint8]) -> int | None:
    """The quality for `opened.encoding`: its own, or estimated from `pixels`, uint8 (H, W, 3)."""
    if not opened.coded_size:
        return opened.encoding.quality

    def compress(sample: NDArray[np.uint8], setting: int) -> int:
        encoding = Encoding(
            container=opened.encoding.container, quality=setting, subsampling=opened.encoding.subsampling
        )
        return len(write(sample, ColourSpace.SRGB, encoding))

    return quality.matching_quality(pixels, opened.coded_size, compress)


def _jpeg(data: bytes, check: Check) -> Opened:
    image = JpegImageFile(io.BytesIO(data))
    check(*image.size)
    image.load()
    _, across, down, table = image.layer[0]
    others = image.layer[1:3]
    ratio = (across // max(o[1] for o in others), down // max(o[2] for o in others)) if others else (2, 2)
    encoding = Encoding(
        container=Container.JPEG,
        quality=quality.jpeg_quality(image.quantization[table]),
        subsampling=_SAMPLINGS.get(ratio, "4:4:4"),
        progressive="progressive" in image.info,
    )
    return _finish(image, encoding)


def _png(data: bytes, check: Check) -> Opened:
    image = PngImageFile(io.BytesIO(data))
    check(*image.size)
    if image.n_frames > 1:
        raise UnsupportedPhotoError(_ANIMATED.format(image.n_frames))
    image.load()
    profile = None if "icc_profile" in image.info else _stated_profile(data, image)
    return _finish(image, Encoding(container=Container.PNG), profile)


def _stated_profile(data: bytes, image: PngImageFile) -> bytes | None:
    code = next((bytes(chunk.payload) for chunk in png_chunks(data) if chunk.kind == b"cICP"), b"")
    if len(code) == 4:
        return colour.profile_of(code[0], code[1])
    if "srgb" in image.info or "gamma" not in image.info:
        return None
    return colour.profile_of_gamma(image.info["gamma"], image.info.get("chromaticity"))


def _webp(data: bytes, check: Check) -> Opened:
    sizes = {chunk.kind: len(chunk.payload) for chunk in riff_chunks(data)}
    image = WebPImageFile(io.BytesIO(data))
    check(*image.size)
    if image.n_frames > 1 or b"ANIM" in sizes:
        raise UnsupportedPhotoError(_ANIMATED.format(image.n_frames))
    image.load()
    return _finish(image, Encoding(container=Container.WEBP), coded_size=sizes.get(b"VP8 ", 0))


def _tiff(data: bytes, check: Check) -> Opened:
    directories = list(tiff_directories(memoryview(data)))
    if not directories:
        raise UnreadablePhotoError("the TIFF file holds no image")
    if data[8:10] == b"CR" or directories[0].find(_DNG) or _is_preview(directories[0].integers(_SUBFILE)):
        raise UnsupportedPhotoError("a camera raw file: develop it to JPEG or TIFF first")
    pages = 1 + sum(not _is_preview(page.integers(_SUBFILE)) for page in directories[1:])
    if pages > 1:
        raise UnsupportedPhotoError(f"a document of {pages} pages: only single photos are protected")
    if _is_misread(directories[0]):
        raise UnsupportedPhotoError("a TIFF file of a rare kind: save it with 8 bits a channel")
    image = tiff.opened(data, directories[0])
    check(*image.size)
    tiff.load(image)  # turns the pixels upright, too
    return _finish(image, Encoding(container=Container.TIFF))


def _is_misread(page: Directory) -> bool:
    """Say whether Pillow shows other pixels than are in it: 12 bits as 16, white as black, planes as pixels."""
    bits = max(page.integers(_BITS) or (1,))
    deep_planes = bits > 8 and page.integers(_PLANES) == (2,) and page.integers(_COMPRESSION) in {(), (1,)}
    return bits == 12 or (bits == 16 and page.integers(_PHOTOMETRIC) == (0,)) or deep_planes


def _is_preview(subfile: tuple[int, ...]) -> bool:
    return bool(subfile and subfile[0] & 1)


def _avif(data: bytes, check: Check) -> Opened:
    data = _own(data)
    meta = _meta(data)
    image = AvifImageFile(io.BytesIO(data))
    check(*image.size)
    if image.n_frames > 1:
        raise UnsupportedPhotoError(_ANIMATED.format(image.n_frames))
    if meta.properties_of(meta.primary, b"clap"):
        # What a crop hides would come back: the decoder ignores it.
        raise UnsupportedPhotoError("an AVIF file with a crop stored beside the pixels: export it again as JPEG")
    profile = None if "icc_profile" in image.info else _coded_profile(meta)
    image.load()
    config = next((bytes(box.body) for box in meta.properties_of(meta.primary, b"av1C")), b"")
    chroma = config[2] >> 2 & 3 if len(config) > 2 else 3
    sampling = {0: "4:4:4", 2: "4:2:2"}.get(chroma, "4:2:0")
    encoding = Encoding(container=Container.AVIF, subsampling=sampling)
    return _finish(image, encoding, profile, coded_size=bmff.coded_size(data, meta))


def _heic(data: bytes, check: Check) -> Opened:
    data = _own(data)
    meta = _meta(data)
    images = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    if len(images) > 1:
        raise UnsupportedPhotoError(f"a file of {len(images)} photos: export the one to post on its own")
    heif = images[images.primary_index]
    check(*heif.size)
    pixels = heif.data  # decoded here, already turned and cropped; the size is final only now
    check(*heif.size)
    mode = heif.mode.replace("L;16", "I;16")
    image = Image.frombytes(mode, heif.size, pixels, "raw", mode, heif.stride)
    profile = heif.info.get("icc_profile") or _coded_profile(meta)
    sampling = {444: "4:4:4", 422: "4:2:2"}.get(heif.info.get("chroma", 420), "4:2:0")
    encoding = Encoding(container=Container.HEIC, subsampling=sampling)
    return _finish(image, encoding, profile, coded_size=bmff.coded_size(data, meta))


def _own(data: bytes) -> bytes:
    """A file without what follows it, which decoders would take for a part of it: a video, a phone's notes."""
    end = max((box.end for box in bmff.own_boxes(memoryview(data))), default=0)
    return data[:end] if end < len(data) else data


def _meta(data: bytes) -> bmff.Meta:
    box = next((box for box in bmff.boxes(memoryview(data)) if box.kind == b"meta"), None)
    if box is None:
        raise UnreadablePhotoError("the file holds no still image")
    meta = bmff.read_meta(box)
    for item in meta.places:
        bmff.extents(data, meta, item)  # a file cut short would decode to grey
    return meta


def _coded_profile(meta: bmff.Meta) -> bytes | None:
    for item in (meta.primary, *meta.tiles(meta.primary)):
        for box in meta.properties_of(item, b"colr"):
            if bytes(box.body[:4]) == b"nclx" and len(box.body) >= 8:
                return colour.profile_of(int.from_bytes(box.body[4:6], "big"), int.from_bytes(box.body[6:8], "big"))
    return None


def _finish(image: Image.Image, encoding: Encoding, profile: bytes | None = None, *, coded_size: int = 0) -> Opened:
    orientation = 1 if encoding.container is Container.HEIC else _orientation(image)
    profile = profile or image.info.get("icc_profile")
    picture, alpha = _split(image)
    return Opened(picture, alpha, orientation, profile, encoding, coded_size)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # the picture is whole even where its EXIF block is damaged in ways only Pillow knows
        return 1
    return value if isinstance(value, int) else 1


def _split(image: Image.Image) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    if image.mode.startswith("I;16"):
        return _from_16_bit(image)
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:
        image.info["transparency"] = tuple(value >> 8 for value in key)  # the pixels are down to 8 bits already
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in {"1", "L", "LA", "La"} else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
        picture = image.getchannel("L") if image.mode == "LA" else image.convert("RGB")
        return picture, None if alpha.min() == 255 else alpha
    if image.mode in {"P", "RGBX"}:
        return image.convert("RGB"), None
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode not in {"L", "RGB", "CMYK", "YCbCr", "LAB"}:
        raise UnsupportedPhotoError(
            f"pixels of kind {image.mode} (32 bits or floating point): save it with 8 or 16 bits"
        )
    return image, None


def _from_16_bit(image: Image.Image) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    deep = np.asarray(image).astype(np.uint32)
    picture = Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
    key = image.info.get("transparency")
    return picture, None if key is None else np.where(deep == key, 0, 255).astype(np.uint8)


_READERS: dict[Container, Callable[[bytes, Check], Opened]] = {
    Container.JPEG: _jpeg,
    Container.PNG: _png,
    Container.WEBP: _webp,
    Container.TIFF: _tiff,
    Container.AVIF: _avif,
    Container.HEIC: _heic,
}

"""Bring pixels into sRGB or Display P3: profiles that are one of them in effect leave the pixels alone, others convert.

What a profile is in effect, `cloak.image.profiles` says.
"""

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from cloak.container import ColourSpace
from cloak.errors import UnsupportedPhotoError
from cloak.image.icc import BT2020, DISPLAY_P3, SRGB_PRIMARIES, Primaries, matrix_profile
from cloak.image.profiles import effect

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
_PQ, _HLG = 16, 18


@dataclass(frozen=True, slots=True)
class Coloured:
    """An image in a space that is kept.

    Attributes:
        image: mode RGB.
        space: what its numbers mean.
        broken: the file had a colour profile that cannot be used; its numbers were taken for sRGB.
    """

    image: Image.Image
    space: ColourSpace = ColourSpace.SRGB
    broken: bool = False


def bring_home(image: Image.Image, profile: bytes | None) -> Coloured:
    """Convert an image to sRGB unless it is already sRGB or Display P3.

    Args:
        image: mode L, RGB, CMYK, YCbCr or LAB.
        profile: its ICC profile; None means sRGB (or, for CMYK, no particular ink).
    """
    if image.mode == "YCbCr":
        image = image.convert("RGB")
    if not profile:
        return Coloured(image=_unprofiled(image))
    try:
        mode = _MODES[_open(profile).profile.xcolor_space.strip()]
        if mode == "RGB" and image.mode in {"L", "RGB"}:
            return _from_rgb(image.convert("RGB"), profile)
        if mode == image.mode:
            return Coloured(image=_apply(image, _transform(profile, mode)))
    except (KeyError, OSError, ValueError, TypeError, ImageCms.PyCMSError):
        pass
    return Coloured(image=_unprofiled(image), broken=True)


def profile_of(primaries: int, transfer: int) -> bytes | None:
    """The ICC profile for code points (CICP), None where they mean sRGB or nothing in particular.

    Raises:
        UnsupportedPhotoError: high dynamic range, which 8-bit sRGB cannot hold.
    Source: ITU-T H.273, tables 2 and 3.
    """
    if transfer in {_PQ, _HLG}:
        raise UnsupportedPhotoError("a high dynamic range photo (PQ or HLG): export it as a standard one first")
    return {12: DISPLAY_P3, 9: BT2020}.get(primaries)


def profile_of_gamma(encoded: float, chromaticities: tuple[float, ...] | None) -> bytes | None:
    """The ICC profile for PNG's gAMA and cHRM, None where they mean sRGB or nothing that makes sense.

    Args:
        encoded: what gAMA says, the inverse of a display's gamma.
        chromaticities: what cHRM says: CIE xy of white, red, green and blue; None for those of sRGB.
    Source: PNG specification, third edition, sections 11.3.2.1 and 11.3.2.2.
    """
    primaries: Primaries = SRGB_PRIMARIES
    if chromaticities is not None and len(chromaticities) == 8:
        _, _, *points = chromaticities
        primaries = ((points[0], points[1]), (points[2], points[3]), (points[4], points[5]))
    standard = abs(encoded - 1 / 2.2) < 0.005 and np.allclose(primaries, SRGB_PRIMARIES, atol=0.005)
    if standard or not 0.05 <= encoded <= 10 or min(y for _, y in primaries) <= 0:
        return None
    gamma = None if abs(encoded - 1 / 2.2) < 0.005 else 1 / encoded
    return matrix_profile("PNG", primaries, gamma=gamma)


def _unprofiled(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return _apply(image, ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB", _INTENT))
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_rgb(image: Image.Image, profile: bytes) -> Coloured:
    space = effect(profile)
    if space is not None:
        return Coloured(image=image, space=space)
    return Coloured(image=_apply(image, _transform(profile, "RGB")))


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(_open(profile), _srgb(), mode, "RGB", _INTENT, _FLAGS)


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    moved = ImageCms.applyTransform(image, transform)
    if moved is None:
        raise ImageCms.PyCMSError("littleCMS returned no image")
    return moved


def _open(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

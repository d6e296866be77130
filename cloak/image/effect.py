"""What a colour profile does to colours, whatever it is called: a grid of them is converted and looked at."""

import io
from functools import lru_cache
from typing import TYPE_CHECKING

from cloak.container import ColourSpace
from cloak.image.icc import DISPLAY_P3

if TYPE_CHECKING:
    from PIL import Image, ImageCms

    _Ways = tuple[tuple[ImageCms.Intent, ImageCms.Flags], ...]

_TOLERANCE = 3  # grey levels of 255: profiles of one space differ by rounding of their curves
_KINDS = frozenset({b"mntr", b"scnr", b"prtr", b"spac"})
_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
_MOST_TAGS = 100  # as littleCMS
_FAILURES = (KeyError, OSError, ValueError, TypeError)  # what Pillow raises at profiles that make no sense


class ProfileError(ValueError):
    """The profile cannot be used, or does not have the structure that the standard prescribes."""


@lru_cache(maxsize=64)
def effect(profile: bytes) -> ColourSpace | None:
    """The space that a profile is in effect, judged by what it does to a grid of colours; None for any other.

    Raises:
        ProfileError: it cannot be used.
    """
    try:
        moved = _moved(profile)
        if _is_high_range(profile):
            return None
        if _is_near(moved, _grid(profile[16:20])):
            return ColourSpace.SRGB
        wide = profile[16:20] == b"RGB " and _is_near(moved, _display_p3())
    except _FAILURES as error:
        raise ProfileError(f"the profile cannot be used: {error}") from None
    return ColourSpace.DISPLAY_P3 if wide else None


def are_alike(one: bytes, other: bytes) -> bool:
    """Whether two profiles of one colour space lead to the same colours, to the last bit, by every intent."""
    ways = _ways(_tags(one))
    try:
        return _moved(one, ways).tobytes() == _moved(other, ways).tobytes()
    except _FAILURES:
        return False


def _ways(tags: frozenset[bytes]) -> "_Ways":
    """Intents, with and without black point compensation, by which a profile with such tags may do different things.

    Only tables are made for one intent each. Without them there are two: relative to white, and absolute, which knows
    no compensation.
    """
    from PIL import ImageCms  # noqa: PLC0415 -- see `_grid`

    intents, flags = ImageCms.Intent, ImageCms.Flags
    one_each = any(tag[:3] in {b"A2B", b"D2B"} for tag in tags)
    relative = [intent for intent in intents if intent != intents.ABSOLUTE_COLORIMETRIC]
    relative = relative if one_each else [intents.RELATIVE_COLORIMETRIC]
    ways = [(intent, flag) for intent in relative for flag in (flags.BLACKPOINTCOMPENSATION, flags.NONE)]
    return (*ways, (intents.ABSOLUTE_COLORIMETRIC, flags.NONE))


def _tags(profile: bytes) -> frozenset[bytes]:
    count = min(int.from_bytes(profile[128:132], "big"), _MOST_TAGS)
    return frozenset(profile[entry : entry + 4] for entry in range(132, 132 + 12 * count, 12))


def _is_high_range(profile: bytes) -> bool:
    """Whether code points in it say PQ or HLG, whatever its curves say to readers that do not know them."""
    count = min(int.from_bytes(profile[128:132], "big"), _MOST_TAGS)
    for entry in range(132, 132 + 12 * count, 12):
        if profile[entry : entry + 4] == b"cicp":
            offset = int.from_bytes(profile[entry + 4 : entry + 8], "big")
            return profile[offset + 9 : offset + 10] in {b"\x10", b"\x12"}
    return False


@lru_cache(maxsize=len(_MODES))
def _grid(space: bytes) -> "Image.Image":
    """The colours that profiles are compared by, as the numbers of a colour space; not to be changed."""
    from PIL import Image  # noqa: PLC0415 -- most photos have no profile, and then need no Pillow

    mode = _MODES[space]
    channels = len(Image.new(mode, (1, 1)).getbands())
    levels = 256 if channels == 1 else 11 if channels == 3 else 6
    count = levels**channels
    numbers = bytes(
        index // levels**channel % levels * 255 // (levels - 1) for index in range(count) for channel in range(channels)
    )
    return Image.frombytes(mode, (count // levels, levels), numbers)


def _moved(profile: bytes, ways: "_Ways | None" = None) -> "Image.Image":
    """The grid, converted to sRGB: relative to white, or in several ways, one below the other."""
    from PIL import Image, ImageCms  # noqa: PLC0415 -- see `_grid`

    ways = ways or ((ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION),)
    image = _grid(profile[16:20])
    moved = Image.new("RGB", (image.width, image.height * len(ways)))
    try:
        source, target = _opened(profile), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        for number, (intent, flag) in enumerate(ways):
            transform = ImageCms.buildTransform(
                source, target, image.mode, "RGB", intent, flag | ImageCms.Flags.NOOPTIMIZE
            )
            moved.paste(transform.apply(image), (0, number * image.height))
    except ImageCms.PyCMSError as error:
        raise ProfileError(str(error)) from None
    return moved


@lru_cache(maxsize=1)
def _display_p3() -> "Image.Image":
    return _moved(DISPLAY_P3)


def _opened(profile: bytes) -> "ImageCms.ImageCmsProfile":
    from PIL import ImageCms  # noqa: PLC0415 -- see `_grid`

    if profile[12:16] not in _KINDS or profile[36:40] != b"acsp":
        raise ProfileError("no profile of a device or colour space")
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _is_near(one: "Image.Image", other: "Image.Image") -> bool:
    from PIL import ImageChops  # noqa: PLC0415 -- see `_grid`

    if other.mode not in {"RGB", "L"}:
        return False
    ranges = ImageChops.difference(one, other.convert("RGB")).getextrema()
    return all(isinstance(band, tuple) and band[1] <= _TOLERANCE for band in ranges)

"""Where a photo was taken, and how exactly the file says so."""

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from cloak.inspect.finding import Harm, Notes
from cloak.inspect.ifd import Tag
from cloak.inspect.text import decoded

_METRES = 111_320.0
"""Of a degree of latitude."""

_BEST = 3.0
"""Metres: what the receiver of a phone or camera can do at best, however many digits it writes."""

_OF_DOP = 5.0
"""Metres of error for each unit of dilution of precision, for receivers in cameras and phones."""

_EVERYWHERE = re.compile(r"WGS[- ]?84|\W*$", re.IGNORECASE)
_ENCODINGS = frozenset({b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8)})
_UNITS = (Fraction(1), Fraction(1, 60), Fraction(1, 3600))
_IN_XMP = re.compile(
    r"([+-]?\d{1,3}(?:\.\d{1,12})?)(?:,(\d{1,2}(?:\.\d{1,12})?))?(?:,(\d{1,2}(?:\.\d{1,12})?))?\s?([NSEW]?)"
)


def read(tags: Mapping[int, Tag], notes: Notes, *, source: str) -> None:
    """Say what a GPS directory says."""
    latitude, longitude = _angle(tags, 1, 2, "S"), _angle(tags, 3, 4, "W")
    if latitude or longitude:
        notes.say(
            Harm.WHERE, "position", _point(latitude, longitude, _precision(tags, latitude, longitude)), source=source
        )
    there = _angle(tags, 0x13, 0x14, "S"), _angle(tags, 0x15, 0x16, "W")
    if any(there):
        notes.say(Harm.WHERE, "position of what it shows", _point(*there, 0.0), source=source)
    _details(tags, notes, source)
    date = _text(tags, 0x1D).replace(":", "-")
    time = _time(tags.get(7))
    if date or time:
        notes.say(Harm.WHEN, "position taken at", f"{date} {time}".strip() + (" UTC" if time else ""), source=source)
    if not (latitude or longitude):
        rest = ", ".join(_NAMES.get(tag, f"tag {tag}") for tag in sorted(set(tags) - _TOLD))
        notes.say(Harm.WHERE, "GPS entries without a position", rest, source=source)


_NAMES = {5: "above or below sea", 8: "satellites", 9: "status", 10: "2D or 3D", 11: "precision", 12: "unit of speed"}
_NAMES |= {
    14: "track",
    15: "track",
    16: "true or magnetic north",
    18: "map datum",
    27: "how it was found",
    30: "corrected",
}
_NAMES |= {1: "north or south", 2: "latitude", 3: "east or west", 4: "longitude", 6: "altitude", 31: "error"}
_TOLD = frozenset({0, 7, 0x1D, 13, 17, 24, 28})


def _details(tags: Mapping[int, Tag], notes: Notes, source: str) -> None:
    altitude = next(iter(_numbers(tags, 6)), None)
    if altitude is not None:
        below = tags.get(5) is not None and bytes(tags[5].value[:1]) == b"\1"
        notes.say(Harm.WHERE, "altitude", f"{altitude:.0f} m {'below' if below else 'above'} sea level", source=source)
    for tag, what in (
        (0x11, "direction of the camera"),
        (0x18, "direction of what it shows"),
        (0xF, "direction of travel"),
    ):
        for number in _numbers(tags, tag)[:1]:
            notes.say(Harm.WHERE, what, f"{number:.0f}° ({_compass(number)})", source=source)
    unit = {"K": "km/h", "M": "mph", "N": "knots"}.get(_text(tags, 0xC)[:1], "")
    for number in _numbers(tags, 0xD)[:1]:
        notes.say(Harm.WHERE, "speed", f"{number:.1f} {unit}", source=source)
    for tag, what in ((0x1C, "area"), (0x1B, "how it was found")):
        if tag in tags and (value := _coded(tags[tag])):
            notes.say(Harm.WHERE, what, value, source=source)
    for tag, what in ((8, "satellites"), (0x12, "map datum")):
        value = _text(tags, tag)
        if value and not _EVERYWHERE.match(value):
            notes.say(Harm.WHERE, what, value, source=source)


def _coded(tag: Tag) -> str:
    """A text behind the name of its encoding; some writers leave that out."""
    head, rest = bytes(tag.value[:8]), bytes(tag.value[8 : 1 << 12])
    if head == b"UNICODE\0":
        return rest.decode("utf-16-le" if tag.little else "utf-16-be", "replace").strip("\0 ")
    return decoded(rest) if head in _ENCODINGS else tag.text()


def _angle(tags: Mapping[int, Tag], reference: int, number: int, negative: str) -> Fraction | None:
    """Degrees, exact, with the sign that its reference says; None where it says none."""
    tag = tags.get(number)
    if tag is None:
        return None
    parts = tag.fractions()[:3] or tuple(Fraction(part).limit_denominator(10**8) for part in tag.numbers()[:3])
    if not parts or parts[0] is None or all(part is None for part in parts):
        return None
    degrees = sum((part * unit for part, unit in zip(parts, _UNITS, strict=False) if part is not None), Fraction(0))
    return -degrees if _text(tags, reference)[:1].upper() == negative else degrees


def _point(latitude: Fraction | None, longitude: Fraction | None, precision: float) -> str:
    digits = max(0, min(6, math.ceil(math.log10(_METRES / precision)))) if precision else 6
    parts = [
        f"{abs(float(angle)):.{digits}f}° {names[angle < 0]}"
        for angle, names in ((latitude, "NS"), (longitude, "EW"))
        if angle is not None
    ]
    return ", ".join(parts) + (f" (to about {_rounded(precision)})" if precision else "")


def _precision(tags: Mapping[int, Tag], latitude: Fraction | None, longitude: Fraction | None) -> float:
    """Metres: the error that the device states, or what its digits can hold."""
    for error in _numbers(tags, 0x1F):
        if error > 0:
            return max(error, 1.0)
    finest = min(_step(angle) for angle in (latitude, longitude) if angle is not None)
    for dilution in _numbers(tags, 0x0B)[:1]:
        if 0 < dilution < 100:
            return max(dilution * _OF_DOP, finest, _BEST)
    return max(finest, _BEST)


def _step(angle: Fraction) -> float:
    """Metres of the last digit with which an angle was written, in degrees, minutes or seconds."""
    steps = (
        next((float(unit) / 10**digits for digits in range(7) if (angle / unit * 10**digits).denominator == 1), 0.0)
        for unit in _UNITS
    )
    return _METRES * max(steps)


def _rounded(metres: float) -> str:
    digits = -math.floor(math.log10(max(metres, 1)))
    value = round(metres, digits)
    return f"{value / 1000:g} km" if value >= 1000 else f"{value:g} m"


def _compass(degrees: float) -> str:
    names = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
    return names[round(degrees % 360 / 45) % 8]


def _time(tag: Tag | None) -> str:
    parts = tag.numbers() if tag else ()
    if len(parts) < 3:
        return tag.text() if tag and tag.kind == 2 else ""
    seconds = f"{parts[2]:06.3f}".rstrip("0").rstrip(".")
    return f"{parts[0]:02.0f}:{parts[1]:02.0f}:{seconds}"


def _numbers(tags: Mapping[int, Tag], number: int) -> tuple[float, ...]:
    return tags[number].numbers() if number in tags else ()


def _text(tags: Mapping[int, Tag], number: int) -> str:
    return tags[number].text() if number in tags else ""


def from_text(value: str) -> float | None:
    """Degrees of an angle as XMP writes it ("51,28.667N", "51.4778"); None where it is none."""
    found = _IN_XMP.fullmatch(value.strip())
    if not found:
        return None
    degrees, minutes, seconds, reference = found.groups()
    angle = abs(float(degrees)) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
    return -angle if degrees.startswith("-") or reference in {"S", "W"} else angle


def written(latitude: str, longitude: str) -> str:
    """A position that XMP states, in the words of `read`; as it is where it cannot be understood."""
    angles = [from_text(value) for value in (latitude, longitude)]
    if None in angles:
        return ", ".join(value for value in (latitude, longitude) if value)
    exact = [Fraction(angle).limit_denominator(10**7) for angle in angles if angle is not None]
    return _point(exact[0], exact[1], max(_BEST, min(map(_step, exact))))

"""What the properties of XMP mean to people."""

import binascii
import re
from collections.abc import Sequence

from cloak.inspect import position
from cloak.inspect.exif import together
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.xmp import Property
from cloak.inspect.xmp_names import CONTACT, IGNORED, LATITUDES, LONGITUDES, NAMES, PLACES

_DATE = re.compile(r"^date|(date|time|when|stamp)$", re.IGNORECASE)
_LOOKS_LIKE_DATE = re.compile(r"\d{4}[-:]\d\d|\d\d?:\d\d|\d{4}$")
_EDITING = ("crs", "camera-raw-settings", "lightroom", "darktable")
_CONTACTS = ("Ci", "Licensor", "ImageSupplier", "ImageCreator", "CopyrightOwner")
_REGIONS = frozenset({"Regions", "RegionList", "RegionInfo"})
_ELSEWHERE = frozenset({"Make", "Model", "LensMake", "LensModel"})
_POSITIONS = (
    (LATITUDES, LONGITUDES, "position"),
    (frozenset({"GPSDestLatitude"}), frozenset({"GPSDestLongitude"}), "position of what it shows"),
)
_COORDINATES = frozenset(name for *pair, _ in _POSITIONS for names in pair for name in names)
_WORDLESS = re.compile(r"[-+\d.,/:;%() ]*|true|false", re.IGNORECASE)
_MOST_TEXTS = 20
_LONG = 200
_ANY_CASE = {name.lower(): meaning for name, meaning in reversed(NAMES.items())}
"""For those who do not write names as the standards do."""

_PRESENCE = frozenset({"gain map", "depth map", "motion photo"})
"""What is told by being there, whatever its settings are."""


def say(found: Sequence[Property], notes: Notes) -> None:
    """Say what a packet's properties say."""
    others: dict[str, str] = {}
    edits: list[Property] = []
    settings = 0
    for item in found:
        if item.name in IGNORED or (item.name.endswith("Ref") and item.name.startswith("GPS")):
            continue
        if "History" in item.path:
            edits.append(item)
        elif item.name in _COORDINATES:
            continue
        elif any(mark in item.space for mark in _EDITING) and item.name not in NAMES:
            settings += 1
        elif not _said(item, notes):
            others.setdefault(item.name, item.value)
    _positions(found, notes)
    _cameras(found, notes)
    _history(edits, notes)
    if settings:
        notes.say(Harm.TRAVELS, "editing settings", f"{settings} settings of a photo editor", source="XMP")
    _others(others, notes)
    if not found:
        notes.say(Harm.TRAVELS, "XMP block without entries", source="XMP")


def _others(others: dict[str, str], notes: Notes) -> None:
    """What we have no words for: texts in the words of the file, of numbers the names alone."""
    texts = [name for name, value in others.items() if not _WORDLESS.fullmatch(value[:_LONG])][:_MOST_TEXTS]
    for name in texts:
        notes.say(Harm.TRAVELS, f"other XMP entry ({name})", others[name][:_LONG], source="XMP")
    rest = [name for name in others if name not in texts]
    if rest:
        notes.say(Harm.TRAVELS, "other XMP entries", f"{len(rest)}: {', '.join(rest[:30])}", source="XMP")


def _said(item: Property, notes: Notes) -> bool:
    """Say one property; False where it is none that we have words for."""
    if item.name in _ELSEWHERE:
        return True
    if item.name in {"image", "Data"} and len(item.value) > _LONG:
        return _picture(item, notes)
    if _REGIONS & set(item.path):
        return _region(item, notes)
    meaning = _meaning(item)
    if meaning is None:
        return False
    harm, what = meaning
    if what == "maker note":
        notes.say(harm, what, f"{len(item.value):,} characters", source="XMP")
    elif what not in _PRESENCE:
        notes.say(harm, what, _date(item.value) if harm is Harm.WHEN else item.value, source="XMP")
    elif item.value != "0":
        notes.say(harm, what, source="XMP")
    return True


def _meaning(item: Property) -> tuple[Harm, str] | None:
    name = item.name
    dated = bool(_LOOKS_LIKE_DATE.search(item.value))
    if dated and name in _WHEN:
        return Harm.WHEN, _WHEN[name]
    if {"LocationCreated", "LocationShown"} & set(item.path) or name in PLACES:
        return Harm.WHERE, PLACES.get(name, "place")
    if known := NAMES.get(name) or _ANY_CASE.get(name.lower()):
        return known
    if name in CONTACT or name.startswith(_CONTACTS):
        return Harm.WHO, "contact"
    if dated and _DATE.search(name):
        return Harm.WHEN, f"date ({name})"
    return _guessed(name)


def _guessed(name: str) -> tuple[Harm, str] | None:
    """What a name that we do not know begins or ends with."""
    if name.startswith(("GPS", "Gps")):
        return Harm.WHERE, f"GPS detail ({name})"
    return (Harm.DEVICE, "serial number of the camera") if name.endswith("SerialNumber") else None


def _region(item: Property, notes: Notes) -> bool:
    """A face or another region that somebody or something marked; its corners are no news."""
    if item.name == "Name":
        notes.say(Harm.WHO, "tagged face", item.value, source="XMP")
    elif item.name in NAMES:
        notes.say(*NAMES[item.name], item.value, source="XMP")
    elif item.name == "Rectangle" or (item.name == "Type" and item.value == "Face"):
        notes.say(Harm.WHO, "region of a face", "marked", source="XMP")
    return True


_WHEN = {
    "DateTimeOriginal": "taken",
    "CreateDate": "created",
    "DateTimeDigitized": "digitised",
    "ModifyDate": "changed",
    "MetadataDate": "metadata changed",
    "DateCreated": "created",
    "DateTime": "changed",
    "GPSDateTime": "position taken at",
    "GPSTimeStamp": "position taken at",
}


def _date(value: str) -> str:
    return value.replace("T", " ", 1) if re.match(r"\d{4}-\d\d-\d\dT", value) else value


def _picture(item: Property, notes: Notes) -> bool:
    """A picture in the packet, in letters."""
    try:
        data = binascii.a2b_base64(item.value.encode("ascii", "ignore"))
    except binascii.Error:
        return False
    if data[:3] == b"\xff\xd8\xff" or data[:4] == b"\x89PNG":
        around = item.space + " ".join(item.path)
        what = (
            "depth map" if "depth" in around.lower() else "original picture" if "image/1" in item.space else "thumbnail"
        )
        notes.picture(data, what, source="XMP")
    else:
        notes.say(Harm.TRAVELS, "data in the XMP block", f"{len(data):,} bytes", source="XMP")
    return True


def _positions(found: Sequence[Property], notes: Notes) -> None:
    for *pair, what in _POSITIONS:
        values = [next((item.value for item in found if item.name in names), "") for names in pair]
        if any(values):
            notes.say(Harm.WHERE, what, position.written(*values), source="XMP")


def _cameras(found: Sequence[Property], notes: Notes) -> None:
    for make, model, what in (("Make", "Model", "camera or phone"), ("LensMake", "LensModel", "lens")):
        values = [next((item.value for item in found if item.name == name), "") for name in (make, model)]
        if any(values):
            notes.say(Harm.DEVICE, what, together(*values), source="XMP")


def _history(edits: Sequence[Property], notes: Notes) -> None:
    """Steps of editing as one finding: how many, with what, from when to when."""
    if not edits:
        return
    steps = sum(item.name == "action" for item in edits)
    programs = dict.fromkeys(item.value for item in edits if item.name == "softwareAgent")
    dates = sorted(item.value for item in edits if item.name == "when")
    notes.say(
        Harm.TRAVELS, "edit history", f"{steps} steps" + (f", {', '.join(programs)}" if programs else ""), source="XMP"
    )
    for when in dict.fromkeys((dates[0], dates[-1]) if dates else ()):
        notes.say(Harm.WHEN, "edited", _date(when), source="XMP")
    for item in edits:
        if item.name in {"instanceID", "InstanceID"}:
            notes.say(Harm.TRAVELS, "ID of a version", item.value, source="XMP")
            break

"""What the properties of XMP mean to people."""

import binascii
import re
from collections.abc import Sequence

from cloak.inspect import position
from cloak.inspect.exif import together
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.xmp import Property
from cloak.inspect.xmp_names import CONTACT, IGNORED, NAMES, PLACES

_DATE = re.compile(r"(date|time|when)$", re.IGNORECASE)
_LOOKS_LIKE_DATE = re.compile(r"\d{4}[-:]\d\d|\d\d?:\d\d|\d{4}$")
_EDITING = ("crs", "camera-raw-settings", "lightroom", "darktable")
_PICTURES = {"image": "thumbnail", "GImage": "original picture", "Data": "picture"}


def say(found: Sequence[Property], notes: Notes) -> None:
    """Say what a packet's properties say."""
    others: dict[str, None] = {}
    edits: list[Property] = []
    settings = 0
    for item in found:
        if item.name in IGNORED or (item.name.endswith("Ref") and item.name.startswith("GPS")):
            continue
        if "History" in item.path:
            edits.append(item)
        elif item.name in {"GPSLatitude", "GPSLongitude", "GPSDestLatitude", "GPSDestLongitude"}:
            continue
        elif any(mark in item.space for mark in _EDITING) and item.name != "RawFileName":
            settings += 1
        elif not _said(item, notes):
            others[item.name] = None
    _positions(found, notes)
    _cameras(found, notes)
    _history(edits, notes)
    if settings:
        notes.say(Harm.TRAVELS, "editing settings", f"{settings} settings of a photo editor", source="XMP")
    if others:
        notes.say(Harm.TRAVELS, "other XMP entries", f"{len(others)}: {', '.join(list(others)[:30])}", source="XMP")
    if not found:
        notes.say(Harm.TRAVELS, "XMP block without entries", source="XMP")


def _said(item: Property, notes: Notes) -> bool:
    """Say one property; False where it is none that we have words for."""
    if item.name in {"Make", "Model", "LensMake", "LensModel"}:
        return True
    if (item.name in {"image", "Data"}) and len(item.value) > 200:
        return _picture(item, notes)
    if item.name == "Name" and {"Regions", "RegionList"} & set(item.path):
        notes.say(Harm.WHO, "tagged face", item.value, source="XMP")
    elif {"Regions", "RegionInfo"} & set(item.path) and item.name in {"Type", "Rectangle"}:
        notes.say(Harm.WHO, "region of a face" if item.value in {"Face"} or item.name == "Rectangle" else "region",
                  item.value if item.name == "Rectangle" else "marked", source="XMP")  # fmt: skip
    elif {"Regions", "RegionInfo"} & set(item.path) and item.name in {"x", "y", "w", "h", "unit", "d"}:
        return True
    elif {"LocationCreated", "LocationShown"} & set(item.path) or item.name in PLACES:
        notes.say(Harm.WHERE, PLACES.get(item.name, "place"), item.value, source="XMP")
    elif item.name in NAMES:
        harm, what = NAMES[item.name]
        notes.say(harm, what, item.value, source="XMP")
    elif item.name in CONTACT or item.name.startswith(
        ("Ci", "Licensor", "ImageSupplier", "ImageCreator", "CopyrightOwner")
    ):
        notes.say(Harm.WHO, "contact", item.value, source="XMP")
    elif _DATE.search(item.name) and _LOOKS_LIKE_DATE.search(item.value):
        notes.say(Harm.WHEN, _WHEN.get(item.name, f"date ({item.name})"), _date(item.value), source="XMP")
    elif item.name.startswith(("GPS", "Gps")):
        notes.say(Harm.WHERE, f"GPS detail ({item.name})", item.value, source="XMP")
    elif item.name.endswith("SerialNumber"):
        notes.say(Harm.DEVICE, "serial number of the camera", item.value, source="XMP")
    else:
        return False
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
    for names, what in (
        (("GPSLatitude", "GPSLongitude"), "position"),
        (("GPSDestLatitude", "GPSDestLongitude"), "position of what it shows"),
    ):
        values = [next((item.value for item in found if item.name == name), "") for name in names]
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

"""Name what is in the blocks of metadata that many containers share: EXIF, XMP, IPTC and Photoshop resources.

Names only: no value leaves this module.
"""

import contextlib
from collections.abc import Iterator

from cloak.image.icc import DISPLAY_P3
from cloak.image.structure import Directory, Entry, StructureError, tiff_directories, tiff_directory

GPS, WHEN, DEVICE, SERIAL = "GPS position", "date and time", "camera make and model", "serial number"
OWNER, RIGHTS, TEXT, WORDS = "owner or artist", "copyright", "description or comment", "keywords"
MAKER, THUMBNAIL, SOFTWARE, UNIQUE = "maker note", "thumbnail", "software", "unique image ID"
SETTINGS, PEOPLE, PLACE, HISTORY = "camera settings", "names of people or face regions", "place name", "edit history"
MOTION, DEPTH, GAIN, PROFILE = "motion photo", "depth map", "gain map", "colour profile"
CREDENTIALS, TRAILER, XMP, IPTC = "content credentials (C2PA)", "data after the end of the image", "XMP", "IPTC"
PHOTOSHOP, RESOLUTION, ORIENTATION, EXIF = "Photoshop resources", "resolution", "orientation", "EXIF"
FURTHER, STRAY = "further images (multi-picture file)", "bytes between the parts of the file"
TEXTS = "text"

_EXIF_POINTER, _GPS_POINTER, _INTEROP_POINTER = 0x8769, 0x8825, 0xA005
_POINTERS = (_EXIF_POINTER, _GPS_POINTER, _INTEROP_POINTER, 0x014A)
_TAGS = {
    **dict.fromkeys((0x0132, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0xC71B), WHEN),
    **dict.fromkeys((0x010F, 0x0110, 0xA433, 0xA434, 0xC614), DEVICE),
    **dict.fromkeys((0xA431, 0xA435, 0xC62F), SERIAL),
    **dict.fromkeys((0x013B, 0xA430, 0x9C9D, 0xA437, 0xA438, 0xA439), OWNER),
    **dict.fromkeys((0x010E, 0x9286, 0x9C9B, 0x9C9C, 0x9C9F, 0x010D, 0x011D, 0xA436), TEXT),
    **dict.fromkeys((0x0131, 0x013C, 0x000B, 0xC630), SOFTWARE),
    0x8298: RIGHTS,
    0x9C9E: WORDS,
    0x927C: MAKER,
    0xA420: UNIQUE,
    0x02BC: XMP,
    0x83BB: IPTC,
    0x8649: PHOTOSHOP,
    0x8773: PROFILE,
    0xC634: MAKER,
}
_GPS_PLACE = frozenset(range(1, 7)) | frozenset(range(19, 27))
_GPS_WHEN = frozenset({7, 29})
_THUMBNAIL = frozenset({0x0111, 0x0144, 0x0201})
_MOST_ENTRIES = 20_000

_XMP = {
    GPS: b"GPSLatitude GPSLongitude GPSDest <geo: LocationCreatedLat",
    WHEN: b"CreateDate ModifyDate DateTimeOriginal MetadataDate DateCreated DateTimeDigitized GPSTimeStamp",
    DEVICE: b"tiff:Make tiff:Model aux:Lens exifEX:Lens",
    SERIAL: b"SerialNumber",
    OWNER: b"dc:creator CameraOwnerName photoshop:Credit AuthorsPosition aux:OwnerName CreatorContactInfo",
    RIGHTS: b"dc:rights xmpRights:",
    TEXT: b"dc:description dc:title photoshop:Headline UserComment",
    WORDS: b"dc:subject lr:hierarchicalSubject LastKeyword",
    PEOPLE: b"mwg-rs: PersonInImage MPReg: MPRI: RegionInfo PersonDisplayName",
    PLACE: b"photoshop:City photoshop:Country photoshop:State Iptc4xmpCore:Location LocationShown LocationCreated",
    HISTORY: b"xmpMM:History photoshop:DocumentAncestors crs: xmpMM:DerivedFrom",
    UNIQUE: b"DocumentID InstanceID ImageUniqueID",
    SOFTWARE: b"CreatorTool",
    MOTION: b"GCamera:MotionPhoto MicroVideo Camera:MotionPhoto",
    DEPTH: b"GDepth: depth: xmlns:Depth",
    GAIN: b"hdrgm: HDRGainMap",
    THUMBNAIL: b"xmp:Thumbnails xmpGImg: GImage:",
    CREDENTIALS: b"c2pa dcterms:provenance",
}
_XMP_WORDS = tuple((name, words.split()) for name, words in _XMP.items())  # looked for one by one: faster than patterns
_LONG = 1 << 20

_IPTC = {
    **dict.fromkeys((80, 85, 110, 115), OWNER),
    **dict.fromkeys((5, 105, 120, 122), TEXT),
    **dict.fromkeys((55, 60, 62, 63), WHEN),
    **dict.fromkeys((90, 92, 95, 100, 101), PLACE),
    25: WORDS,
    116: RIGHTS,
    118: OWNER,
}
_RESOURCES = {0x0404: IPTC, 0x0409: THUMBNAIL, 0x040C: THUMBNAIL, 0x040F: PROFILE, 0x0422: SETTINGS, 0x0424: XMP}


def in_tiff(data: memoryview, *, container: bool = False) -> Iterator[str]:
    """Name what the directories of an EXIF block say, or those of a whole TIFF file.

    Args:
        data: from the byte order mark on.
        container: it is the photo itself, whose first directory must describe its pixels.
    """
    for name, entry, offset in _walk(data):
        tag = entry.tag
        if name == "main" and offset and tag in _THUMBNAIL:
            yield THUMBNAIL
        if container and tag in _BLOCKS:
            yield from _BLOCKS[tag](entry.value)
        if tag == 0x8773 and entry.value == DISPLAY_P3:
            continue
        if name == "gps":
            yield GPS if tag in _GPS_PLACE else WHEN if tag in _GPS_WHEN else "GPS details"
        elif tag in _TAGS:
            yield _TAGS[tag]
        elif name == "exif":
            yield SETTINGS


def _walk(data: memoryview) -> Iterator[tuple[str, Entry, int]]:
    """Yield (kind of directory, tag, number in the chain); each directory once, damaged ones not at all.

    A file can be made whose directories overlap a thousandfold: after `_MOST_ENTRIES` it has been looked at enough.
    """
    waiting: list[tuple[str, Directory, int]] = []
    entries = 0
    with contextlib.suppress(StructureError):
        for number, directory in enumerate(tiff_directories(data)):
            waiting.append(("main", directory, number))
            entries += len(directory.entries)
            if entries > _MOST_ENTRIES:
                break
    seen = {directory.start for _, directory, _ in waiting}
    while waiting:
        name, directory, number = waiting.pop()
        for entry in directory.entries:
            yield name, entry, number
        for pointer in _POINTERS:
            for offset in directory.integers(pointer)[:16]:
                if offset in seen or entries > _MOST_ENTRIES:
                    continue
                seen.add(offset)
                kind = {_EXIF_POINTER: "exif", _GPS_POINTER: "gps"}.get(pointer, "sub")
                with contextlib.suppress(StructureError):
                    waiting.append((kind, tiff_directory(data, offset, little=directory.little), number))
                    entries += len(waiting[-1][1].entries)


def in_exif(block: memoryview) -> Iterator[str]:
    """Name what an EXIF block says, with or without the "Exif" header in front."""
    return in_tiff(block[6:] if bytes(block[:6]) == b"Exif\0\0" else block)


def in_xmp(block: memoryview) -> Iterator[str]:
    """Name what an XMP packet says. Of a long one, mostly coded pictures, only beginning and end are read."""
    packet = bytes(block) if len(block) <= _LONG else bytes(block[: _LONG // 2]) + bytes(block[-_LONG // 2 :])
    yield XMP
    if b":" not in packet:  # part of a long one, full of a coded picture: names have a prefix
        return
    yield from (name for name, words in _XMP_WORDS if any(word in packet for word in words))


def in_iptc(block: memoryview) -> Iterator[str]:
    """Name what IPTC records say."""
    yield IPTC
    position = 0
    while position + 5 <= len(block) and block[position] == 0x1C:
        if block[position + 1] == 2 and block[position + 2] in _IPTC:
            yield _IPTC[block[position + 2]]
        position += 5 + int.from_bytes(block[position + 3 : position + 5], "big")


def in_photoshop(block: memoryview) -> Iterator[str]:
    """Name what Photoshop image resources hold."""
    yield PHOTOSHOP
    position = 0
    while position + 12 <= len(block) and bytes(block[position : position + 4]) == b"8BIM":
        kind = int.from_bytes(block[position + 4 : position + 6], "big")
        start = position + 6 + (block[position + 6] + 2) // 2 * 2
        size = int.from_bytes(block[start : start + 4], "big")
        content = block[start + 4 : start + 4 + size]
        if kind == 0x0404:
            yield from in_iptc(content)
        elif kind in _RESOURCES:
            yield _RESOURCES[kind]
        position = start + 4 + size + size % 2


_XMP_HEADERS = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")


def in_application(number: int, payload: memoryview) -> Iterator[str]:
    """Name what an application segment of a JPEG file holds, other than its JFIF and Adobe headers and its profile.

    Args:
        number: 0 to 15.
        payload: its content.
    """
    head = bytes(payload[:40])
    if number == 1 and head.startswith(b"Exif\0"):
        yield from in_exif(payload)
    elif number == 1 and head.startswith(_XMP_HEADERS):
        yield from in_xmp(payload[head.index(b"\0") + 1 :])
    elif number == 13 and head.startswith(b"Photoshop 3.0\0"):
        yield from in_photoshop(payload[14:])
    elif number == 2 and head.startswith(b"MPF\0"):
        yield FURTHER
    elif number == 2 and head.startswith(b"urn:iso:std:iso:ts:21496:"):
        yield GAIN
    elif number == 11 and b"jumb" in head:
        yield CREDENTIALS
    elif number == 0 and head.startswith(b"JFXX\0"):
        yield THUMBNAIL
    else:
        yield f"application data (APP{number})"


_RAW_PROFILES = {b"exif": EXIF, b"APP1": EXIF, b"iptc": IPTC, b"xmp": XMP, b"icc": PROFILE}
_KEYWORDS = {b"Author": OWNER, b"Copyright": RIGHTS, b"Software": SOFTWARE, b"Creation Time": WHEN}


def in_png_text(keyword: bytes, text: memoryview) -> Iterator[str]:
    """Name what a text chunk of a PNG file holds.

    Args:
        keyword: in front of the text.
        text: inflated, where that could be done.
    """
    if keyword == b"XML:com.adobe.xmp":
        yield from in_xmp(text)
        return
    yield TEXTS
    if keyword.startswith(b"Raw profile type "):
        yield _RAW_PROFILES.get(keyword[17:], TEXT)
    elif keyword in _KEYWORDS:
        yield _KEYWORDS[keyword]


_BLOCKS = {0x02BC: in_xmp, 0x83BB: in_iptc, 0x8649: in_photoshop}

"""Which tags of maker notes tell about people and devices."""

from cloak.inspect.finding import Harm

_BODY = (Harm.DEVICE, "serial number of the camera")
_INNER = (Harm.DEVICE, "internal serial number of the camera")
_LENS = (Harm.DEVICE, "serial number of the lens")
_OWNER = (Harm.WHO, "owner of the camera")
_UNIQUE = (Harm.DEVICE, "unique image ID")
_FIRMWARE = (Harm.DEVICE, "software of the camera")

MEANINGS = {
    "Canon": {
        0x0006: (Harm.DEVICE, "camera or phone"),
        0x0007: _FIRMWARE,
        0x0009: _OWNER,
        0x000C: _BODY,
        0x0028: _UNIQUE,
        0x0095: (Harm.DEVICE, "lens"),
        0x0096: _INNER,
        0x0097: _LENS,
        0x4019: _LENS,
    },
    "Nikon": {
        0x001D: _BODY,
        0x00A0: _BODY,
        0x0084: (Harm.DEVICE, "lens"),
        0x00A7: (Harm.DEVICE, "number of photos taken"),
    },
    "Sony": {0x2031: _BODY, 0xB020: (Harm.DEVICE, "creative style"), 0xB000: _FIRMWARE},
    "Olympus": {
        0x0207: (Harm.DEVICE, "software of the camera"),
        0x0209: (Harm.DEVICE, "camera ID"),
        0x0404: _BODY,
        0x101A: _BODY,
    },
    "Fujifilm": {
        0x0010: _INNER,
        0x1438: (Harm.DEVICE, "number of photos taken"),
        0x4200: (Harm.WHO, "faces recognised"),
    },
    "Panasonic": {
        0x0025: _INNER,
        0x0033: (Harm.WHO, "age of a baby"),
        0x0051: (Harm.DEVICE, "lens"),
        0x0052: _LENS,
        0x0065: (Harm.WHO, "title"),
        0x0066: (Harm.WHO, "name of a baby"),
        0x0067: (Harm.WHERE, "place"),
        0x0069: (Harm.WHERE, "country"),
        0x006B: (Harm.WHERE, "state or province"),
        0x006D: (Harm.WHERE, "city"),
        0x006F: (Harm.WHERE, "landmark"),
        0x00AF: (Harm.WHEN, "taken"),
        0x8010: (Harm.WHO, "age of a baby"),
    },
    "Leica": {0x0303: _BODY, 0x0310: (Harm.DEVICE, "lens"), 0x0500: _INNER},
    "Pentax": {
        0x0006: (Harm.WHEN, "taken"),
        0x0023: (Harm.WHERE, "home town, as a number"),
        0x0024: (Harm.WHERE, "destination, as a number"),
        0x0229: _BODY,
        0x022E: (Harm.WHO, "artist"),
        0x022F: (Harm.WHO, "copyright"),
        0x0230: _FIRMWARE,
    },
    "Samsung": {
        0x0030: (Harm.WHERE, "place"),
        0x0031: (Harm.WHERE, "place"),
        0x0123: (Harm.WHO, "tagged face"),
        0xA002: _BODY,
        0xA005: _LENS,
    },
    "Apple": {
        0x0011: (Harm.TRAVELS, "ID of the live photo"),
        0x0015: _UNIQUE,
        0x0020: (Harm.DEVICE, "unique image ID"),
        0x002B: (Harm.DEVICE, "unique image ID"),
    },
    "Sigma": {0x0002: _BODY, 0x0017: _FIRMWARE},
    "Ricoh": {0x0005: _BODY, 0x1001: (Harm.WHO, "text"), 0x1003: (Harm.WHO, "text")},
    "Casio": {0x2001: (Harm.WHEN, "time zone"), 0x2006: (Harm.WHERE, "city")},
    "Nintendo": {0x1101: _INNER},
}
"""For each maker: tag, harm and name."""

EQUIPMENT = {
    0x0101: "serial number of the camera",
    0x0102: "internal serial number of the camera",
    0x0202: "serial number of the lens",
    0x0302: "serial number of the extender",
    0x0402: "serial number of the flash",
}
"""Of the directory in which Olympus keeps what was attached."""

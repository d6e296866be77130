"""What the tags of EXIF mean to people.

Source: CIPA DC-008 (EXIF 3.0), TIFF 6.0, DNG 1.7, and what Windows and Photoshop add.
"""

from cloak.inspect.finding import Harm

TEXTS = {
    0x0131: (Harm.DEVICE, "software"),
    0x000B: (Harm.DEVICE, "software"),
    0x013C: (Harm.DEVICE, "computer or phone by name"),
    0x013B: (Harm.WHO, "artist"),
    0x8298: (Harm.WHO, "copyright"),
    0x010E: (Harm.WHO, "caption"),
    0x010D: (Harm.WHO, "name of the document"),
    0x011D: (Harm.WHO, "name of the page"),
    0x014D: (Harm.TRAVELS, "names of the inks"),
    0x9213: (Harm.WHO, "history of the image"),
    0xC614: (Harm.DEVICE, "camera or phone"),
    0x9A00: (Harm.DEVICE, "camera or phone"),
    0x4746: (Harm.WHO, "rating"),
    0xC6D2: (Harm.WHO, "title"),
    0xC6D3: (Harm.WHO, "title"),
    0xC62F: (Harm.DEVICE, "serial number of the camera"),
    0xC68B: (Harm.NAME, "name of the original file"),
    0xC65D: (Harm.DEVICE, "unique image ID"),
    0xA420: (Harm.DEVICE, "unique image ID"),
    0xA430: (Harm.WHO, "owner of the camera"),
    0xA431: (Harm.DEVICE, "serial number of the camera"),
    0xA435: (Harm.DEVICE, "serial number of the lens"),
    0xA436: (Harm.WHO, "title"),
    0xA437: (Harm.WHO, "photographer"),
    0xA438: (Harm.WHO, "editor"),
    0xA439: (Harm.DEVICE, "software of the camera"),
    0xA43A: (Harm.DEVICE, "software"),
    0xA43B: (Harm.DEVICE, "software"),
    0xA43C: (Harm.DEVICE, "software"),
    0xA004: (Harm.TRAVELS, "sound recording that belongs to it"),
    0xFDE8: (Harm.WHO, "owner of the camera"),
    0xFDE9: (Harm.DEVICE, "serial number of the camera"),
    0xFDEA: (Harm.DEVICE, "lens"),
    0xFE4C: (Harm.DEVICE, "software"),
    0xA480: (Harm.WHERE, "GDAL metadata"),
    0x9400: (Harm.WHERE, "temperature of the air"),
    0x9402: (Harm.WHERE, "pressure of the air"),
    0x9403: (Harm.WHERE, "depth under water"),
}

WINDOWS = {
    0x9C9B: (Harm.WHO, "title"),
    0x9C9C: (Harm.WHO, "comment"),
    0x9C9D: (Harm.WHO, "author"),
    0x9C9E: (Harm.WHO, "keywords"),
    0x9C9F: (Harm.WHO, "subject"),
}
"""In UTF-16."""

DATES = {
    0x9003: ("taken", 0x9291, 0x9011),
    0x9004: ("digitised", 0x9292, 0x9012),
    0x0132: ("changed", 0x9290, 0x9010),
    0xC71B: ("preview made", 0, 0),
}
"""For each date: what it is, and the tags of its fractions of a second and its time zone."""

SETTINGS = frozenset(
    {0x829A, 0x829D, 0x8822, 0x8824, 0x8827, 0x8828, 0x8830, 0x8831, 0x8832, 0x8833, 0x8834, 0x8835}
    | set(range(0x9201, 0x920B))
    | {0x9102, 0x9214, 0xA20B, 0xA20E, 0xA20F, 0xA210, 0xA214, 0xA215, 0xA217, 0xA300, 0xA301, 0xA302}
    | set(range(0xA401, 0xA40D))
    | {0xA432, 0xA460, 0xA461, 0xA462, 0xA500, 0x9401, 0x9404, 0x9405}
)
"""Each harmless; together they tell one camera from others, and one photo from all others."""

_TOLD = frozenset(
    {0x010F, 0x0110, 0xA433, 0xA434, 0x882A, 0x8769, 0x8825, 0xA005, 0x014A, 0x927C, 0xC634, 0x0201, 0x0202}
    | {0x9290, 0x9291, 0x9292, 0x9010, 0x9011, 0x9012}
    | set(DATES)
    | SETTINGS
    | {0x830E, 0x8482, 0x85D8, 0x87AF, 0x87B0, 0x87B1}
)
STRUCTURE = _TOLD | {0x0112, 0x011A, 0x011B, 0x0128, 0x0213, 0x9000, 0x9101, 0xA000, 0xA001, 0xA002, 0xA003}
STRUCTURE |= {0x00FE, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C, 0x0211, 0x0212}
"""Told elsewhere, or saying nothing about anybody."""

TIFF_STRUCTURE = frozenset(
    {0x00FF, 0x0107, 0x0108, 0x0109, 0x010A, 0x0118, 0x0119, 0x011E, 0x011F, 0x0120, 0x0121, 0x0122, 0x0123}
    | {0x0124, 0x0125, 0x0129, 0x012D, 0x013D, 0x013E, 0x013F, 0x0140, 0x0141, 0x0142, 0x0143, 0x0144, 0x0145}
    | {0x0146, 0x0147, 0x0148, 0x014C, 0x014E, 0x0150, 0x0152, 0x0153, 0x0154, 0x0155, 0x0156, 0x015B, 0x0200}
    | set(range(0x0203, 0x020A))
    | {0x0214}
)
"""What else describes the pixels of a TIFF file."""

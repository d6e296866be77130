"""What IPTC records say.

Source: IPTC-NAA Information Interchange Model 4.2.
"""

from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_UTF8 = b"\x1b%G"
_NAMES = {
    5: (Harm.WHO, "title"),
    12: (Harm.WHO, "subject"),
    15: (Harm.WHO, "keywords"),
    20: (Harm.WHO, "keywords"),
    25: (Harm.WHO, "keywords"),
    26: (Harm.WHERE, "place"),
    27: (Harm.WHERE, "place"),
    22: (Harm.TRAVELS, "job number"),
    40: (Harm.WHO, "instructions"),
    65: (Harm.DEVICE, "software"),
    70: (Harm.DEVICE, "software"),
    80: (Harm.WHO, "artist"),
    85: (Harm.WHO, "credit"),
    90: (Harm.WHERE, "city"),
    92: (Harm.WHERE, "place"),
    95: (Harm.WHERE, "state or province"),
    100: (Harm.WHERE, "country"),
    101: (Harm.WHERE, "country"),
    103: (Harm.WHO, "job number"),
    105: (Harm.WHO, "caption"),
    110: (Harm.WHO, "credit"),
    115: (Harm.WHO, "credit"),
    116: (Harm.WHO, "copyright"),
    118: (Harm.WHO, "contact"),
    120: (Harm.WHO, "caption"),
    121: (Harm.WHO, "caption"),
    122: (Harm.WHO, "credit"),
    187: (Harm.DEVICE, "unique image ID"),
    221: (Harm.TRAVELS, "settings of Photo Mechanic"),
    231: (Harm.TRAVELS, "edit history"),
}
_DATES = {(30, 35): "released", (55, 60): "created", (62, 63): "digitised", (37, 38): "expires"}
_PREVIEW = 202
_SHORTEST = 4
_MOST = 5_000
_COST = 200
"""Of a record, in `Notes.spend`."""


def read(block: memoryview, notes: Notes) -> None:
    """Say what records say."""
    position, values, others, utf8 = 0, dict[int, str](), 0, False
    for _ in range(_MOST):
        notes.spend(_COST)
        start = bytes(block[position : position + 64]).find(b"\x1c")  # some writers pad
        if start < 0 or position + start + 5 > len(block):
            break
        position += start
        record, number = block[position + 1], block[position + 2]
        size = int.from_bytes(block[position + 3 : position + 5], "big")
        position += 5
        if size & 0x8000:
            width = size & 0x7FFF
            size = int.from_bytes(block[position : position + width], "big") if width <= 4 else len(block)
            position += width
        content = bytes(block[position : position + min(size, 1 << 16)])
        position += size
        if (record, number) == (1, 90):
            utf8 = content == _UTF8
        if record not in {2, 3} or number == 0 or record == 3:
            continue
        value = content.decode("utf-8", "replace") if utf8 else decoded(content)
        values.setdefault(number, value)
        if number in _NAMES and value.strip():
            notes.say(*_NAMES[number], value, source="IPTC")
        elif number == _PREVIEW:
            notes.picture(block[position - size : position], "preview", source="IPTC")
        elif any(number in pair for pair in _DATES):
            continue
        elif number not in _NAMES and value.isprintable() and len(value) >= _SHORTEST and not value.isdigit():
            notes.say(Harm.TRAVELS, f"other IPTC entry (2:{number})", value, source="IPTC")
        elif number not in _NAMES:
            others += 1
    _dates(values, notes)
    if others:
        notes.say(Harm.TRAVELS, "other IPTC entries", f"{others}", source="IPTC")
    if not values:
        notes.say(Harm.TRAVELS, "IPTC block without entries", source="IPTC")


def _dates(values: dict[int, str], notes: Notes) -> None:
    for (day, time), what in _DATES.items():
        date, clock = values.get(day, ""), values.get(time, "")
        if len(date) == 8 and date.isdigit():
            date = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        if len(clock) >= 6 and clock[:6].isdigit():
            clock = f"{clock[:2]}:{clock[2:4]}:{clock[4:6]} {clock[6:]}"
        if (date + clock).strip("0 :-+"):
            notes.say(Harm.WHEN, what, f"{date} {clock}".strip(), source="IPTC")

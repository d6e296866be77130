"""What EXIF blocks and the directories of TIFF files say."""

from collections.abc import Mapping, Sequence

from cloak.inspect import blocks, makernotes, position
from cloak.inspect.exif_tags import DATES, SETTINGS, STRUCTURE, TEXTS, TIFF_STRUCTURE, WINDOWS
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.ifd import Tag, walk
from cloak.inspect.text import decoded

_HEADERS = (b"Exif\0\0", b"Exif\0", b"EXIF\0\0", b"exif\0\0")
_MOST_HEADERS = 8
_MAKER_NOTE, _PRIVATE, _COMMENT = 0x927C, 0xC634, 0x9286
_NESTED = {0x02BC: "XMP", 0x83BB: "IPTC", 0x8649: "Photoshop", 0x8773: "colour profile", 0xC51B: "IPTC"}
_GEOTIFF = (0x830E, 0x8482, 0x85D8, 0x87AF)
_CHARACTERS = {b"UNICODE\0": "", b"ASCII\0\0\0": "ascii", b"JIS\0\0\0\0\0": "iso2022_jp"}
_COST = 500
"""Of a tag, in `Notes.spend`."""

_TIMES = 4
_TEXTS, _BYTES = frozenset({2, 129}), frozenset({1, 7})
_SHORTEST, _LONGEST = 4, 1 << 12  # of what may be a word, where nothing says that it is text
_POSITION = frozenset({2, 4})
_SUBFILE = 0x00FE
_THUMBNAIL, _THUMBNAIL_SIZE = 0x0201, 0x0202


def read(block: memoryview, notes: Notes, *, source: str = "EXIF", container: bool = False) -> None:
    """Say what a block says, with or without the "Exif" header in front.

    Args:
        block: the block.
        notes: where to write it down.
        source: what to call it.
        container: it is a TIFF file, whose first directory must describe its pixels.
    """
    for _ in range(_MOST_HEADERS):  # some write it twice
        header = next((header for header in _HEADERS if bytes(block[: len(header)]) == header), b"")
        block = block[len(header) :]
    directories: dict[tuple[int, str, int], dict[int, Tag]] = {}
    for tag in walk(block):
        notes.spend(_COST)
        for time in range(_TIMES):  # a tag that is there twice says both, and readers differ about which one they show
            tags = directories.setdefault((tag.page, tag.directory, time), {})
            if tags.setdefault(tag.number, tag) is tag:
                break
    if not directories:
        notes.say(Harm.TRAVELS, "EXIF block that cannot be read", f"{len(block):,} bytes", source=source)
    for (page, name, time), tags in directories.items():
        where = source if page == 0 or container else f"{source} of the thumbnail"
        with notes.reading(f"the {name} directory of {source}"):
            if name == "gps" and (time == 0 or set(tags) >= _POSITION):
                position.read(tags, notes, source=where)
            elif name not in {"gps", "interop"}:
                _directory(tags, notes, where, TIFF_STRUCTURE | STRUCTURE if container or page else STRUCTURE)
        if name in {"main", "sub"} and (page or name == "sub"):
            _preview(block, tags, notes, source, page=container and name == "main")
    plain = [tags for (_, name, _), tags in directories.items() if name not in {"gps", "interop"}]
    _cameras(plain, notes, source)
    _dates(plain, notes, source)
    _settings(plain, notes, source)
    _maker(block, plain, notes)


def _directory(tags: Mapping[int, Tag], notes: Notes, source: str, structure: frozenset[int]) -> None:
    others = []
    for number, tag in tags.items():
        if number in TEXTS:
            harm, what = TEXTS[number]
            if value := tag.text():
                notes.say(harm, what, value, source=source)
        elif number in WINDOWS:
            harm, what = WINDOWS[number]
            if value := bytes(tag.value).decode("utf-16-le", "replace").partition("\0")[0].strip():
                notes.say(harm, what, value, source=source)
        elif number == _COMMENT:
            _comment(tag, notes, source)
        elif number in _NESTED:
            blocks.read(_NESTED[number], tag.value, notes)
        elif number == 0x935C:
            notes.say(Harm.CROPPED, "Photoshop layers", f"{len(tag.value):,} bytes", source=source)
        elif number not in structure and not _words(tag, notes, source):
            others.append(number)
    if any(number in tags for number in _GEOTIFF):
        notes.say(Harm.WHERE, "place on a map (GeoTIFF)", _reference(tags), source=source)
    if others:
        value = ", ".join(f"0x{number:04x}" for number in others[:20])
        notes.say(Harm.TRAVELS, "other EXIF entries", value, source=source)


def _words(tag: Tag, notes: Notes, source: str) -> bool:
    """Say an entry that we do not know in its own words; False where it holds none."""
    content = bytes(tag.value[:_LONGEST]).rstrip(b"\0 ")
    value = decoded(content)
    text = content.isascii() and value.isprintable() and b"\0" not in content and len(value) >= _SHORTEST
    if tag.kind not in _TEXTS and not (tag.kind in _BYTES and text):
        return False
    if value:
        notes.say(Harm.TRAVELS, f"other EXIF entry (0x{tag.number:04x})", value, source=source)
    return True


def _reference(tags: Mapping[int, Tag]) -> str:
    numbers = tags[0x8482].numbers() if 0x8482 in tags else ()
    return ", ".join(f"{number:.6g}" for number in numbers[3:5]) if len(numbers) >= 5 else ""


def _comment(tag: Tag, notes: Notes, source: str) -> None:
    raw = bytes(tag.value[: 1 << 16])
    name = _CHARACTERS.get(raw[:8])
    if name is None:
        value = tag.text() if any(raw[:8]) else raw[8:].decode("utf-8", "replace")
    elif name:
        value = raw[8:].decode(name, "replace")
    else:
        value = raw[8:].decode("utf-16-le" if tag.little else "utf-16-be", "replace")
    value = value.replace("\0", " ").strip()
    if value and not all(character in "\ufffd�. " for character in value):
        notes.say(Harm.WHO, "comment", value, source=source)


def _first(directories: Sequence[Mapping[int, Tag]], number: int) -> Tag | None:
    return next((tags[number] for tags in directories if number in tags), None)


def _said(directories: Sequence[Mapping[int, Tag]], number: int) -> str:
    tag = _first(directories, number)
    return tag.text() if tag else ""


def _cameras(directories: Sequence[Mapping[int, Tag]], notes: Notes, source: str) -> None:
    """Make and model, which belong together, and the same for the lens."""
    for make, model, what in ((0x010F, 0x0110, "camera or phone"), (0xA433, 0xA434, "lens")):
        value = together(_said(directories, make), _said(directories, model))
        if value:
            notes.say(Harm.DEVICE, what, value, source=source)


def together(make: str, model: str) -> str:
    """Maker and model as one name: "Canon EOS R5", not "Canon Canon EOS R5"."""
    return (
        model
        if make and model.casefold().startswith(make.split(maxsplit=1)[0].casefold())
        else f"{make} {model}".strip()
    )


def _dates(directories: Sequence[Mapping[int, Tag]], notes: Notes, source: str) -> None:
    """Each date with its fraction of a second and time zone; a zone alone where there is no date to go with it."""
    zones: dict[str, bool] = {}
    for number, (what, fraction, zone_tag) in DATES.items():
        zone = _said(directories, zone_tag)
        for tags in directories:
            if number in tags and tags[number].text().strip("0 :-/"):
                value, below = date(tags[number].text()), _said(directories, fraction).strip()
                value += f".{below}" if below.isdigit() and len(value) > 10 else ""
                notes.say(Harm.WHEN, what, f"{value} {zone}".strip(), source=source)
                zones[zone] = True
        zones.setdefault(zone, False)
    for zone, told in zones.items():
        if zone.strip(" :-") and not told:
            notes.say(Harm.WHEN, "time zone", zone, source=source)
    offset = _first(directories, 0x882A)
    if offset is not None:
        notes.say(Harm.WHEN, "time zone", f"{offset.integer():+d} h", source=source)


def date(value: str) -> str:
    """A date as EXIF writes it, with dashes: "2024:05:01 12:34:56" is "2024-05-01 12:34:56"."""
    return value[:10].replace(":", "-").replace("/", "-") + value[10:]


def _settings(directories: Sequence[Mapping[int, Tag]], notes: Notes, source: str) -> None:
    found = [number for number in SETTINGS if _first(directories, number) is not None]
    if not found:
        return
    values = []
    for number, form in ((0x829A, "{} s"), (0x829D, "f/{}"), (0x8827, "ISO {}"), (0x920A, "{} mm")):
        tag = _first(directories, number)
        numbers = tag.numbers() if tag else ()
        if numbers and numbers[0] > 0:
            fast = number == 0x829A and numbers[0] < 0.5
            values.append(form.format(f"1/{1 / numbers[0]:.0f}" if fast else f"{numbers[0]:g}"))
    more = len(found) - len(values)
    values += [f"{more} more"] if more else []
    notes.say(Harm.DEVICE, "camera settings", ", ".join(values), source=source)
    across, down = _first(directories, 0xA002), _first(directories, 0xA003)
    if across and down:
        notes.facts["exif size"] = (across.integer(), down.integer())


def _preview(block: memoryview, tags: Mapping[int, Tag], notes: Notes, source: str, *, page: bool) -> None:
    """A thumbnail: a JPEG of its own, or strips of pixels, of which only the presence is told.

    Pages of a document, which viewers show, are told too, but are not what was hidden in it.
    """
    if _THUMBNAIL in tags and _THUMBNAIL_SIZE in tags:
        start, size = tags[_THUMBNAIL].integer(), tags[_THUMBNAIL_SIZE].integer()
        if 0 < start < len(block) and size > 0:
            notes.picture(block[start : start + size], "thumbnail", source=source)
            return
    if 0x0111 in tags or 0x0144 in tags or _THUMBNAIL in tags:
        across, down = (tags[number].integer() if number in tags else 0 for number in (0x0100, 0x0101))
        told = f"{across} x {down} pixels" if across > 0 else ""
        smaller = _SUBFILE in tags and tags[_SUBFILE].integer() & 1
        what = "further page" if page and not smaller else "further picture"
        notes.say(Harm.CROPPED, what, told, source=source, counts=what != "further page")


def _maker(block: memoryview, directories: Sequence[Mapping[int, Tag]], notes: Notes) -> None:
    make = _said(directories, 0x010F)
    for number in (_MAKER_NOTE, _PRIVATE):
        tag = _first(directories, number)
        if tag is not None:
            with notes.reading("the maker note"):
                makernotes.read(block, tag, make, notes)

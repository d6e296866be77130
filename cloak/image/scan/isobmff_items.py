"""Which items a HEIC or AVIF file may have: pictures that are shown, what they are made of, and their alpha planes.

Source: ISO/IEC 14496-12:2022, section 8.11; ISO/IEC 23008-12:2022, sections 6 and 9.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.image.bmff import Box, boxes
from cloak.image.scan import bitstream
from cloak.image.scan.hevc_sets import check_used
from cloak.image.scan.isobmff_boxes import Span, Table, parts, residue
from cloak.image.scan.isobmff_canvas import extent, unseen
from cloak.image.scan.isobmff_properties import ALPHA, check, check_crop
from cloak.image.structure import Cursor, StructureError

_HANDLERS = frozenset({bytes(8) + b"pict" + bytes(12) + name + b"\0" for name in (b"", b"libavif")})
_NAMES = frozenset({b"", b"Color", b"Alpha"})
_PARAMETERS = {b"hvc1": b"hvcC", b"av01": b"av1C"}
_DERIVED = frozenset({b"grid", b"iovl", b"iden"})
_DEEPEST = 10


@dataclass(slots=True)
class _Item:
    kind: bytes
    hidden: bool
    stored: bool = False
    place: tuple[int, int] | None = None
    properties: list[Box] = field(default_factory=list)
    made_of: tuple[int, ...] = ()
    alpha_of: tuple[int, ...] = ()

    def find(self, kind: bytes) -> list[bytes]:
        return [bytes(box.body) for box in self.properties if box.kind == kind]


def check_items(data: memoryview, meta: Box) -> set[Span]:
    """Check a `meta` box and the pictures that it describes.

    Returns:
        where in the file the pictures lie.

    Raises:
        ResidueError: anything else is in it.
        StructureError: it cannot be followed.
    """
    Table(meta)
    children = list(boxes(meta.body[4:], meta.offset + 4))
    found = {child.kind: child for child in children}
    needed = {b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp"}
    if len(found) != len(children) or not needed <= set(found) <= needed | {b"iref", b"idat"}:
        kinds = ", ".join(child.kind.decode("latin-1") for child in children[:20])
        raise residue(f"meta consists of {kinds}, of which some should not be there, or are missing")
    if bytes(found[b"hdlr"].body) not in _HANDLERS:
        raise residue("a handler that we do not write")
    items = _items(found[b"iinf"])
    _places(found[b"iloc"], items)
    _properties(found[b"iprp"], items)
    if b"iref" in found:
        _links(found[b"iref"], items)
    table = Table(found[b"pitm"], versions=(0, 1))
    primary = table.uint(4 if table.version else 2)
    table.end()
    _check_reach(items, primary)
    return _check_content(data, items, found.get(b"idat"))


def _items(box: Box) -> dict[int, _Item]:
    table = Table(box, versions=(0, 1))
    count = table.uint(4 if table.version else 2)
    items: dict[int, _Item] = {}
    for entry in boxes(table.take(table.left)):
        inner = Table(entry, versions=(2, 3), flags=(0, 1))
        number, protection, kind = inner.uint(inner.version * 2 - 2), inner.uint(2), bytes(inner.take(4))
        known = kind in _PARAMETERS or kind in _DERIVED
        if entry.kind != b"infe" or protection or not known or number in items:
            raise residue(f"item {number} of kind {kind.decode('latin-1')}")
        if bytes(inner.take(inner.left)) not in {name + b"\0" for name in _NAMES}:
            raise residue(f"item {number} has a name")
        items[number] = _Item(kind, bool(inner.flags))
    if len(items) != count:
        raise StructureError(f"{count} items announced, {len(items)} there")
    return items


def _places(box: Box, items: dict[int, _Item]) -> None:
    table = Table(box, versions=(0, 1, 2))
    sizes = table.uint(2)
    offset_size, length_size, base_size, rest = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if table.version == 2 else 2
    count = table.uint(wide)
    if rest or not {offset_size, length_size} <= {4, 8} or base_size not in {0, 4, 8} or count != len(items):
        raise residue(f"{count} places for {len(items)} items, or of an unknown kind")
    seen = set()
    for _ in range(count):
        number, method = table.uint(wide), table.uint(2) if table.version else 0
        elsewhere, base, extents = table.uint(2), table.uint(base_size), table.uint(2)
        if number not in items or number in seen or method > 1 or elsewhere or extents > 1:
            raise residue(f"item {number} lies elsewhere, in parts, or has two places")
        seen.add(number)
        items[number].stored = bool(method)
        if extents:
            start = base + table.uint(offset_size)
            items[number].place = (start, start + table.uint(length_size))
    table.end()


def _properties(box: Box, items: dict[int, _Item]) -> None:
    found = parts(box, "ipco", "ipma")
    properties = list(boxes(found["ipco"].body, found["ipco"].offset))
    for one in properties:
        check(one)
    table = Table(found["ipma"], versions=(0, 1), flags=(0, 1))
    width, mask = (2, 0x7FFF) if table.flags else (1, 0x7F)
    seen, used = set(), set()
    for _ in range(table.uint(4)):
        number = table.uint(4 if table.version else 2)
        marks = [table.uint(width) & mask for _ in range(table.uint(1))]
        if number not in items or number in seen or any(not 0 < mark <= len(properties) for mark in marks):
            raise residue(f"item {number} has properties that are not there")
        seen.add(number)
        used.update(marks)
        items[number].properties = [properties[mark - 1] for mark in marks]
        check_crop(items[number].properties)
    table.end()
    if len(used) != len(properties):
        raise residue("properties that no item has")


def _links(box: Box, items: dict[int, _Item]) -> None:
    table = Table(box, versions=(0, 1))
    width = 4 if table.version else 2
    seen = set()
    for entry in boxes(table.take(table.left)):
        inner = Cursor(entry.body)
        number, count = inner.uint(width), inner.uint(2)
        targets = tuple(inner.uint(width) for _ in range(count))
        inner.end()
        if not {number, *targets} <= set(items) or (entry.kind, number) in seen or not targets:
            raise residue(f"item {number} refers to what is not there, or twice")
        seen.add((entry.kind, number))
        if entry.kind == b"dimg" and items[number].kind in _DERIVED:
            items[number].made_of = targets
        elif entry.kind == b"auxl" and any(body[4:-1] in ALPHA for body in items[number].find(b"auxC")):
            items[number].alpha_of = targets
        elif entry.kind != b"prem":
            raise residue(f"a reference of kind {entry.kind.decode('latin-1')} from item {number}")


def _check_reach(items: dict[int, _Item], primary: int) -> None:
    """Check that every item is shown, is part of one that is, or is the alpha plane of one of these."""
    if primary not in items:
        raise residue("a primary item that is not there")
    parts_ = {part for item in items.values() for part in item.made_of}
    shown = {number for number, item in items.items() if not (item.hidden or item.alpha_of or number in parts_)}
    reached = _closure(items, {primary} | shown)
    alphas = {number for number, item in items.items() if reached.intersection(item.alpha_of)}
    covered = [number for item in items.values() for number in set(item.alpha_of) & reached]
    if len(set(covered)) < len(covered):
        raise residue("two alpha planes of one picture")
    reached |= _closure(items, alphas)
    if reached != set(items):
        raise residue("items that are not part of the photo")


def _closure(items: dict[int, _Item], start: set[int]) -> set[int]:
    reached, last = set(start), start
    for _ in range(_DEEPEST):
        last = {part for number in last for part in items[number].made_of}
        if not last:
            return reached
        reached |= last
    raise residue("items that are made of each other")


def _check_content(data: memoryview, items: dict[int, _Item], stored: Box | None) -> set[Span]:
    recipes = list(_recipes(items, stored.body if stored else memoryview(b""), data))
    spans: set[Span] = set()
    inside: set[Span] = set()
    for item, place in recipes:
        (inside if item.stored else spans).add(place)
    check_cover(inside, 0, len(stored.body) if stored else 0)
    checked = set()
    for item, (start, end) in recipes:
        if item.kind in _DERIVED:
            continue
        parameters = item.find(_PARAMETERS[item.kind])
        if len(parameters) != 1:
            raise residue("a picture without its decoder's parameters")
        key = item.stored, start, parameters[0]
        if key not in checked:
            source = stored.body if item.stored and stored else data
            used = check_units(item.kind, source[start:end], parameters[0], still=True)
            if item.kind == b"hvc1":
                check_used(parameters[0], used)
            checked.add(key)
        for layers in item.find(b"a1lx"):
            if sum(int.from_bytes(layers[index : index + 4], "big") for index in (1, 5, 9)) > end - start:
                raise residue("layers that are larger than their picture")
    return spans


def _recipes(items: dict[int, _Item], stored: memoryview, data: memoryview) -> Iterator[tuple[_Item, Span]]:
    """The items that have bytes, and where; those of items that are made of others are checked."""
    for number, item in items.items():
        source = stored if item.stored else data
        if item.place is None:
            if item.kind != b"iden" or len(item.made_of) != 1:
                raise residue(f"item {number} without bytes")
            continue
        start, end = item.place
        if not start < end <= len(source) or item.kind == b"iden":
            raise residue(f"item {number} lies outside the file")
        if item.kind in _DERIVED:
            _check_recipe(item, bytes(source[start : min(end, start + (1 << 20))]), items)
        yield item, (start, end)


def _check_recipe(item: _Item, content: bytes, items: dict[int, _Item]) -> None:
    cursor = Cursor(memoryview(content))
    version, flags = cursor.uint(1), cursor.uint(1)
    wide = 4 if flags else 2
    if item.kind == b"grid":
        tiles = (cursor.uint(1) + 1) * (cursor.uint(1) + 1)
        cursor.take(2 * wide)
    else:
        tiles = len(item.made_of)
        cursor.take(8 + 2 * wide + 2 * wide * tiles)
    cursor.end()
    if version or flags > 1 or not tiles == len(item.made_of) > 0:
        raise residue(f"a {item.kind.decode()} of {tiles} pictures that is made of {len(item.made_of)}")
    sizes = [extent(items[part].properties) for part in item.made_of]
    if hides := unseen(content, sizes, tiles=item.kind == b"grid"):
        raise residue(f"a {item.kind.decode()} that hides {hides} of its pictures")


def check_units(kind: bytes, content: memoryview, parameters: bytes, *, still: bool = False) -> set[int]:
    """Check a coded picture, or one of a sequence.

    Returns:
        the picture parameter sets that it uses (HEVC).

    Raises:
        ResidueError: a unit in it is neither picture nor parameters.
        StructureError: its units cannot be followed.
    """
    if kind == b"av01":
        bitstream.check_av1_units(content, still=still)
        return set()
    return bitstream.check_hevc_units(content, (parameters[21] & 3) + 1, own=kind == b"hev1")


def check_cover(spans: set[Span], start: int, end: int) -> None:
    """Check that spans lie one behind the other from `start` to `end`.

    Raises:
        ResidueError: a gap, or two on top of each other.
    """
    for first, last in sorted(spans):
        if first != start:
            raise residue(f"bytes at offset {min(first, start)} that nothing uses, or two things")
        start = last
    if start != end:
        raise residue(f"bytes at offset {start} that nothing uses")

"""The tables of items in HEIC and AVIF files: which there are, where their bytes lie, and how they hang together.

Source: ISO/IEC 14496-12:2022, section 8.11; ISO/IEC 23008-12:2022, section 9.3.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cloak.image.strip.base import Memory, Source, Span
from cloak.image.strip.isobmff_boxes import LARGEST_PROFILES, Box, Fields, boxes, content, damaged, unsupported


@dataclass(slots=True)
class Item:
    """One item.

    Attributes:
        kind: four-character code ("hvc1", "av01", "grid", "Exif", ...).
        hidden: not meant to be shown by itself.
        name: what the file calls it.
        about: whatever follows the name: content type and encoding.
        method: where its bytes are: 0 in the file, 1 in the `idat` box, 2 in another item.
        extents: offset and length of each part; a length of 0 is "to the end".
        properties: positions in `Meta.properties`, and whether one must be understood to show the item.
    """

    kind: bytes = b""
    hidden: bool = False
    name: bytes = b""
    about: bytes = b""
    method: int = 0
    extents: tuple[tuple[int, int], ...] = ()
    properties: list[tuple[int, bool]] = field(default_factory=list)


@dataclass(slots=True)
class Meta:
    """The content of a `meta` box.

    Attributes:
        handler: "pict" where its items are pictures.
        primary: number of the item that is shown, None where no item is named.
        items: by number.
        properties: kind and content of each.
        links: for each kind of reference and item that refers, the items that it refers to.
        stored: the `idat` box.
        others: boxes that are none of these.
    """

    handler: bytes = b""
    primary: int | None = None
    items: dict[int, Item] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    links: dict[tuple[bytes, int], tuple[int, ...]] = field(default_factory=dict)
    stored: Box | None = None
    others: list[Box] = field(default_factory=list)

    def owned(self, number: int, kind: bytes) -> list[bytes]:
        """The content of the properties of one kind that an item has."""
        found = (self.properties[index] for index, _ in self.items[number].properties)
        return [body for name, body in found if name == kind]


def read_meta(source: Source, box: Box) -> Meta:
    """Read a `meta` box.

    Raises:
        UnreadablePhotoError: a table does not fit its size, or is there twice.
        UnsupportedPhotoError: a table is larger, or of a later version, than any that is known.
    """
    meta = Meta()
    found: dict[bytes, Box] = {}
    for child in boxes(source, box.body + 4, box.end):
        if child.kind not in _READERS and child.kind != b"idat":
            meta.others.append(child)
        elif child.kind in found:
            raise damaged(f"two boxes {child.name}")
        else:
            found[child.kind] = child
    for kind, reader in _READERS.items():
        if kind in found:
            limit = LARGEST_PROFILES if kind == b"iprp" else None
            reader(meta, Fields(content(source, found[kind], limit), kind.decode()))
    meta.stored = found.get(b"idat")
    return meta


def spans(source: Source, meta: Meta, number: int) -> list[Span]:
    """Where in the file the bytes of an item lie.

    Raises:
        UnreadablePhotoError: outside the file or its `idat` box.
        UnsupportedPhotoError: inside another item.
    """
    item = meta.items[number]
    if not item.extents:
        return []
    if item.method == 0:
        first, last = 0, source.size
    elif item.method == 1 and meta.stored is not None:
        first, last = meta.stored.body, meta.stored.end
    else:
        raise unsupported(f"item {number} is stored by construction method {item.method}")
    found = []
    for offset, length in item.extents:
        start = first + offset
        end = start + length if length else last
        if not start <= end <= last:
            raise damaged(f"item {number} reaches to byte {end} of {last}")
        found.append(Span(start, end))
    return found


def _handler(meta: Meta, data: Fields) -> None:
    data.take(8)
    meta.handler = data.take(4)


def _primary(meta: Meta, data: Fields) -> None:
    version, _ = data.version()
    meta.primary = data.number(2 if version == 0 else 4)


def _items(meta: Meta, data: Fields) -> None:
    version, _ = data.version()
    data.number(2 if version == 0 else 4)  # how many: the entries say it themselves
    rest = Memory(data.take(data.left))
    for entry in boxes(rest, 0, rest.size):
        if entry.kind != b"infe":
            continue
        inner = Fields(rest.read(entry.body, entry.end - entry.body), "infe")
        version, flags = inner.version()
        number = inner.number(2 if version < 3 else 4)
        if number in meta.items:
            raise damaged(f"item {number} is described twice")
        item = Item()
        if version >= 2:
            protected = inner.number(2)
            item.kind = b"" if protected else inner.take(4)
            item.hidden = bool(flags & 1)
            item.name, _, item.about = inner.take(inner.left).partition(b"\0")
        meta.items[number] = item


def _places(meta: Meta, data: Fields) -> None:
    version, _ = data.version()
    sizes = data.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    index_size = index_size if version else 0
    if version > 2 or not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
        raise unsupported(f"an iloc box of version {version}, numbers of {sizes:04x} bytes")
    seen = set()
    for _ in range(data.number(2 if version < 2 else 4)):
        number = data.number(2 if version < 2 else 4)
        method = data.number(2) & 15 if version else 0
        elsewhere, base, count = data.number(2), data.number(base_size), data.number(2)
        if number in seen or (count > 1 and not offset_size + length_size):
            raise damaged(f"item {number} has two places, or {count} parts in the same one")
        seen.add(number)
        extents = []
        for _ in range(count):
            data.number(index_size)
            extents.append((base + data.number(offset_size), data.number(length_size)))
        if number in meta.items:
            item = meta.items[number]
            item.method, item.extents = (-1 if elsewhere else method), tuple(extents)


def _properties(meta: Meta, data: Fields) -> None:
    source = Memory(data.take(data.left))
    owned = []
    for child in boxes(source, 0, source.size):
        if child.kind == b"ipma":
            owned.append(Fields(source.read(child.body, child.end - child.body), "ipma"))
        elif child.kind == b"ipco" and not meta.properties:
            meta.properties = [
                (box.kind, source.read(box.body, box.end - box.body)) for box in boxes(source, child.body, child.end)
            ]
        else:
            raise damaged(f"a box {child.name} among the properties")
    for table in owned:
        _owned(meta, table)


def _owned(meta: Meta, data: Fields) -> None:
    version, flags = data.version()
    width = 2 if flags & 1 else 1
    essential = 0x80 << 8 * (width - 1)
    for _ in range(data.number(4)):
        number = data.number(2 if version == 0 else 4)
        values = [data.number(width) for _ in range(data.number(1))]
        item = meta.items.get(number)
        if item is None:
            continue
        if item.properties:
            raise damaged(f"item {number} has two lists of properties")
        for value in values:
            index = value % essential - 1  # 0 stands for no property
            if index >= len(meta.properties):
                raise damaged(f"item {number} has property {index + 1} of {len(meta.properties)}")
            if index >= 0:
                item.properties.append((index, value >= essential))


def _references(meta: Meta, data: Fields) -> None:
    version, _ = data.version()
    width = 2 if version == 0 else 4
    rest = Memory(data.take(data.left))
    for entry in boxes(rest, 0, rest.size):
        inner = Fields(rest.read(entry.body, entry.end - entry.body), entry.name)
        number, count = inner.number(width), inner.number(2)
        targets = tuple(inner.number(width) for _ in range(count))
        meta.links[entry.kind, number] = meta.links.get((entry.kind, number), ()) + targets


_READERS: dict[bytes, Callable[[Meta, Fields], None]] = {
    b"hdlr": _handler,
    b"pitm": _primary,
    b"iinf": _items,
    b"iloc": _places,
    b"iprp": _properties,
    b"iref": _references,
}

"""Read the boxes of HEIC and AVIF files (ISO/IEC 14496-12 and 23008-12): which items there are, and where.

Nothing is decoded. Sizes are checked against the bytes there are, nothing recurses, every count is paid for in bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.image.structure import Cursor, StructureError

_NEEDED = frozenset({b"meta", b"moov", b"moof", b"mdat"})


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        kind: four-character code.
        body: its content after the header.
        start: offset of its first byte in the file.
        offset: offset of `body` in the file.
        end: offset after its last byte.
    """

    kind: bytes
    body: memoryview
    start: int
    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the item information box: what an item is.

    Attributes:
        kind: four-character code ("hvc1", "av01", "Exif", "mime", ...).
        name: what the file calls it.
        extra: whatever follows (content type and encoding, URI).
    """

    kind: bytes
    name: bytes
    extra: bytes


@dataclass(frozen=True, slots=True)
class Reference:
    """A link between items: thumbnail of (`thmb`), auxiliary of (`auxl`), made of tiles (`dimg`), about (`cdsc`)."""

    kind: bytes
    source: int
    targets: tuple[int, ...]


@dataclass(slots=True)
class Meta:
    """The content of the `meta` box.

    Attributes:
        children: all boxes in it, by kind, in file order.
        primary: id of the item that is the photo, 0 where none is named.
        items: what each item is.
        places: for each item, (construction method, offset, length) of each extent; length 0 is "to the end".
        properties: the shared list of property boxes.
        owned: for each item, which properties it has, as positions in `properties`.
        references: links between items.
    """

    children: list[Box] = field(default_factory=list)
    primary: int = 0
    items: dict[int, Item] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    properties: list[Box] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)

    def properties_of(self, item: int, kind: bytes) -> list[Box]:
        """The properties of one kind that an item has."""
        owned = (self.properties[index] for index in self.owned.get(item, ()) if index < len(self.properties))
        return [box for box in owned if box.kind == kind]

    def tiles(self, item: int) -> tuple[int, ...]:
        """The items that a derived item (a grid) is made of."""
        return tuple(t for ref in self.references if ref.kind == b"dimg" and ref.source == item for t in ref.targets)


def boxes(data: memoryview, offset: int = 0) -> Iterator[Box]:
    """Yield the boxes that `data` consists of; `offset` is where it starts in the file.

    Raises:
        StructureError: a box reaches beyond the data.
    """
    cursor = Cursor(data)
    while cursor.left:
        start = cursor.position
        size, kind = cursor.uint(4), bytes(cursor.take(4))
        if size == 1:
            size = cursor.uint(8)
        elif size == 0:
            size = len(data) - start
        length = size - (cursor.position - start)
        if length < 0:
            raise StructureError(f"box at offset {offset + start} is smaller than its header")
        inside = offset + cursor.position
        yield Box(kind, cursor.take(length), offset + start, inside, offset + cursor.position)


def own_boxes(data: memoryview) -> Iterator[Box]:
    """Yield the boxes of a file, up to what follows: another file, as phones add a video, or bytes that are no box.

    Raises:
        StructureError: a box that its pictures may need reaches beyond the data.
    """
    end, pictures = 0, False
    try:
        for box in boxes(data):
            if end and (box.kind == b"ftyp" or not (box.kind.isascii() and box.kind.isalnum())):
                return
            yield box
            end, pictures = box.end, pictures or box.kind in _NEEDED
    except StructureError:
        if not pictures or bytes(data[end + 4 : end + 8]) in _NEEDED:
            raise


def read_meta(box: Box) -> Meta:
    """Read a `meta` box.

    Raises:
        StructureError: a table in it does not fit its size, or a box that must be unique is there twice.
    """
    meta = Meta(children=list(boxes(box.body[4:], box.offset + 4)))
    kinds = [child.kind for child in meta.children]
    for kind, reader in _READERS.items():
        if kinds.count(kind) > 1:
            raise StructureError(f"more than one {kind.decode()} box")
        if kind in kinds:
            reader(meta, meta.children[kinds.index(kind)])
    return meta


def extents(data: bytes, meta: Meta, item: int) -> list[tuple[int, int]]:
    """Where in the file an item's bytes lie: offsets of first byte and after the last, one pair an extent.

    Raises:
        StructureError: an extent lies outside the file or the `idat` box, or is stored in a way that we do not know.
    """
    found = []
    stored = next((child for child in meta.children if child.kind == b"idat"), None)
    for method, offset, length in meta.places.get(item, ()):
        if method == 0:
            base, limit = 0, len(data)
        elif method == 1 and stored is not None:
            base, limit = stored.offset, stored.end
        else:
            raise StructureError(f"item {item} is stored with construction method {method}")
        start = base + offset
        end = start + length if length else limit
        if not base <= start <= end <= limit:
            raise StructureError(f"item {item} lies outside the file")
        found.append((start, end))
    return found


def coded_size(data: bytes, meta: Meta) -> int:
    """Bytes of the coded picture: the primary item and its tiles, without alpha, thumbnails or anything else."""
    items = {meta.primary, *meta.tiles(meta.primary)}
    return sum(end - start for item in items for start, end in extents(data, meta, item))


def _primary(meta: Meta, box: Box) -> None:
    cursor = Cursor(box.body)
    version = cursor.uint(4) >> 24
    meta.primary = cursor.uint(2 if version == 0 else 4)
    cursor.end()


def _items(meta: Meta, box: Box) -> None:
    cursor = Cursor(box.body)
    version = cursor.uint(4) >> 24
    count = cursor.uint(2 if version == 0 else 4)
    entries = list(boxes(cursor.take(cursor.left), box.offset + cursor.position))
    if len(entries) != count:
        raise StructureError(f"{count} items announced, {len(entries)} there")
    for entry in entries:
        inner = Cursor(entry.body)
        version = inner.uint(4) >> 24
        if entry.kind != b"infe" or version not in {2, 3}:
            raise StructureError("an item information entry of an unknown version")
        number = inner.uint(2 if version == 2 else 4)
        inner.uint(2)  # protection
        kind = bytes(inner.take(4))
        name = inner.text()
        if number in meta.items:
            raise StructureError(f"item {number} is there twice")
        meta.items[number] = Item(kind, name, bytes(inner.take(inner.left)))


def _places(meta: Meta, box: Box) -> None:
    cursor = Cursor(box.body)
    version = cursor.uint(4) >> 24
    sizes = cursor.uint(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    if version > 2 or not {offset_size, length_size, base_size} <= {0, 4, 8}:
        raise StructureError("an item location box of an unknown kind")
    for _ in range(cursor.uint(2 if version < 2 else 4)):
        number = cursor.uint(2 if version < 2 else 4)
        method = cursor.uint(2) & 15 if version else 0
        reference, base = cursor.uint(2), cursor.uint(base_size)
        count = cursor.uint(2)
        if reference or number in meta.places or offset_size + length_size == 0 < count:
            raise StructureError(f"item {number} lies in another file, nowhere, or is there twice")
        meta.places[number] = []
        for _ in range(count):
            if version:
                cursor.uint(index_size)
            meta.places[number].append((method, base + cursor.uint(offset_size), cursor.uint(length_size)))
    cursor.end()


def _properties(meta: Meta, box: Box) -> None:
    for child in boxes(box.body, box.offset):
        if child.kind == b"ipco" and not meta.properties:
            meta.properties = list(boxes(child.body, child.offset))
        elif child.kind == b"ipma":
            _owned(meta, child)
        else:
            raise StructureError(f"unknown box {child.kind!r} among the item properties")


def _owned(meta: Meta, box: Box) -> None:
    cursor = Cursor(box.body)
    head = cursor.uint(4)
    for _ in range(cursor.uint(4)):
        number = cursor.uint(2 if head >> 24 == 0 else 4)
        width, mask = (2, 0x7FFF) if head & 1 else (1, 0x7F)
        # Position 0 stands for "no property".
        indices = [cursor.uint(width) & mask for _ in range(cursor.uint(1))]
        meta.owned.setdefault(number, []).extend(index - 1 for index in indices if index)
    cursor.end()


def _references(meta: Meta, box: Box) -> None:
    cursor = Cursor(box.body)
    width = 2 if cursor.uint(4) >> 24 == 0 else 4
    for child in boxes(cursor.take(cursor.left), box.offset + 4):
        inner = Cursor(child.body)
        source, count = inner.uint(width), inner.uint(2)
        meta.references.append(Reference(child.kind, source, tuple(inner.uint(width) for _ in range(count))))
        inner.end()


_READERS = {
    b"pitm": _primary,
    b"iinf": _items,
    b"iloc": _places,
    b"iprp": _properties,
    b"iref": _references,
}

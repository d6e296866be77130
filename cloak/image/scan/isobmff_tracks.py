"""Which tracks a HEIC or AVIF file may have: pictures and their alpha planes, without dates, names or sound.

Source: ISO/IEC 14496-12:2022, sections 8.2 to 8.8; ISO/IEC 23008-12:2022, section 7.
"""

from cloak.image.bmff import Box, boxes
from cloak.image.scan.hevc_sets import check_used
from cloak.image.scan.isobmff_boxes import Span, Table, ordered, parts, residue
from cloak.image.scan.isobmff_items import check_units
from cloak.image.scan.isobmff_properties import check, check_crop
from cloak.image.structure import Cursor, StructureError

_PARAMETERS = {b"hvc1": b"hvcC", b"hev1": b"hvcC", b"av01": b"av1C"}
_PROPERTIES = frozenset(b"hvcC av1C colr pasp clap irot imir clli mdcv auxi ccst".split())
_MOST_SAMPLES = 100_000
_UNDETERMINED = bytes.fromhex("55c40000")
_HERE = bytes.fromhex("0000001c64726566 00000000 00000001 0000000c75726c20 00000001")
_ENTRY = bytes(6) + b"\0\1" + bytes(16), bytes.fromhex("00480000 00480000 00000000 0001") + bytes(32), b"\xff\xff"


def check_tracks(data: memoryview, movie: Box) -> set[Span]:
    """Check a `moov` box and the frames that it describes.

    Returns:
        where in the file the frames lie.

    Raises:
        ResidueError: anything else is in it.
        StructureError: it cannot be followed.
    """
    found = list(boxes(movie.body, movie.offset))
    count = len(found) - 1
    if count < 1 or [box.kind for box in found] != [b"mvhd"] + [b"trak"] * count:
        raise residue(f"moov consists of {', '.join(box.kind.decode('latin-1') for box in found[:20])}")
    table = Table(found[0], versions=(1,))
    table.expect(bytes(16))  # no dates
    table.take(4 + 8)
    table.expect(b"\0\1\0\0\1\0" + bytes(10))
    _check_matrix(table)
    table.expect(bytes(24) + (count + 1).to_bytes(4, "big"))
    table.end()
    spans: set[Span] = set()
    covered: list[int] = []
    on = set()
    for number, track in enumerate(found[1:], 1):
        spans |= _track(data, track, number, count)
        links = [box for part in boxes(track.body) if part.kind == b"tref" for box in boxes(part.body)]
        alpha = [bytes(link.body) for link in links if link.kind == b"auxl"]
        covered += [int.from_bytes(body[at : at + 4], "big") for body in alpha for at in range(0, len(body), 4)]
        if not alpha:
            on.add(next(boxes(track.body)).body[3] & 1)
    if len(set(covered)) < len(covered) or len(on) > 1:
        raise residue("two alpha planes of one track, or a track that is switched off")
    return spans


def _track(data: memoryview, box: Box, number: int, count: int) -> set[Span]:
    found = parts(box, "tkhd", "tref?", "edts?", "mdia")
    table = Table(found["tkhd"], versions=(1,), flags=range(16))
    table.expect(bytes(16) + number.to_bytes(4, "big") + bytes(4))
    table.take(8)
    table.expect(bytes(8))
    table.take(4)
    table.expect(bytes(4))
    _check_matrix(table)
    table.take(8)
    table.end()
    linked = b""
    if "tref" in found:
        for kind, link in parts(found["tref"], "auxl?", "prem?").items():
            cursor = Cursor(link.body)
            targets = [cursor.uint(4) for _ in range(len(link.body) // 4)]
            cursor.end()
            if not targets or any(not 0 < target <= count for target in targets):
                raise residue("a track that refers to one that is not there")
            linked += kind.encode()
    if "edts" in found:
        table = Table(parts(found["edts"], "elst")["elst"], versions=(1,), flags=(0, 1))
        table.expect(b"\0\0\0\1")
        table.take(8)
        if table.uint(8) >> 63:
            raise residue("a track that begins before its first frame")
        table.expect(b"\0\1\0\0")
        table.end()
    return _media(data, found["mdia"], helps=b"auxl" in linked)


def _check_matrix(table: Table) -> None:
    """Check that pictures are turned by quarters, mirrored and moved, and nothing else."""
    values = [int.from_bytes(table.take(4), "big", signed=True) for _ in range(9)]
    if not {abs(values[index]) for index in (0, 1, 3, 4)} <= {0, 1 << 16} or values[2::3] != [0, 0, 1 << 30]:
        raise residue("a track that is distorted")


def _media(data: memoryview, box: Box, *, helps: bool) -> set[Span]:
    found = parts(box, "mdhd", "hdlr", "minf")
    table = Table(found["mdhd"], versions=(1,))
    table.expect(bytes(16))
    table.take(4 + 8)
    table.expect(_UNDETERMINED)
    table.end()
    kind = b"auxv" if helps else b"pict"
    if bytes(found["hdlr"].body) != bytes(8) + kind + bytes(13):
        raise residue("a track that holds no pictures, or has a name")
    found = parts(found["minf"], "vmhd", "dinf", "stbl")
    if bytes(found["vmhd"].body) != b"\0\0\0\1" + bytes(8) or bytes(found["dinf"].body) != _HERE:
        raise residue("a track with effects, or in another file")
    return _samples(data, found["stbl"])


def _samples(data: memoryview, box: Box) -> set[Span]:
    found = list(boxes(box.body, box.offset))
    kinds = ("stsd", "stts", "ctts?", "stsc", "stsz", "stco?", "co64?", "stss?")
    table = ordered(found, kinds, "stbl")
    entries = _entries(table["stsd"])
    sizes = _sizes(table["stsz"])
    for name in ("stts", "ctts"):
        if name in table:
            _check_runs(Table(table[name], versions=(0, 1) if name == "ctts" else (0,)), len(sizes))
    if "stss" in table:
        _check_sync(Table(table["stss"]), len(sizes))
    if ("stco" in table) == ("co64" in table):
        raise residue("frames without places")
    name = "stco" if "stco" in table else "co64"
    places = Table(table[name])
    chunks = [places.uint(4 if name == "stco" else 8) for _ in range(places.uint(4))]
    places.end()
    runs = Table(table["stsc"])
    if runs.uint(4) != len(chunks):
        raise residue("frames in more pieces than needed")
    checked: set[tuple[int, int, int]] = set()
    used: list[set[int]] = [set() for _ in entries]
    first = 0
    for number, chunk in enumerate(chunks, 1):
        named, count, entry = runs.uint(4), runs.uint(4), runs.uint(4)
        if named != number or not 0 < entry <= len(entries) or not 0 < count <= len(sizes) - first:
            raise residue(f"frames {first} to {first + count} of {len(sizes)}, coded as entry {entry}")
        start = chunk
        kind, parameters = entries[entry - 1]
        for size in sizes[first : first + count]:
            if start + size > len(data):
                raise StructureError(f"a frame ends at byte {start + size} of {len(data)}")
            if (start, start + size, entry) not in checked:  # a frame may be shown again
                used[entry - 1] |= check_units(kind, data[start : start + size], parameters)
                checked.add((start, start + size, entry))
            start += size
        first += count
    runs.end()
    _check_parameters(entries, used)
    if first != len(sizes):
        raise residue(f"{len(sizes)} frames announced, {first} there")
    return {(start, end) for start, end, _ in checked}


def _check_parameters(entries: list[tuple[bytes, bytes]], used: list[set[int]]) -> None:
    for (kind, parameters), needed in zip(entries, used, strict=True):
        if kind == b"hvc1":
            check_used(parameters, needed)


def _sizes(box: Box) -> list[int]:
    table = Table(box)
    table.expect(bytes(4))
    count = table.uint(4)
    if not 0 < count <= _MOST_SAMPLES:
        raise residue(f"{count} frames")
    sizes = [table.uint(4) for _ in range(count)]
    table.end()
    return sizes


def _check_runs(table: Table, count: int) -> None:
    total = 0
    for _ in range(table.uint(4)):
        length = table.uint(4)
        table.take(4)
        total += length
        if not length:
            raise residue(f"box {table.name} with a time of no frame")
    table.end()
    if total != count:
        raise residue(f"times of {total} frames for {count}")


def _check_sync(table: Table, count: int) -> None:
    last = 0
    for _ in range(table.uint(4)):
        number = table.uint(4)
        if not last < number <= count:
            raise residue(f"a start at frame {number} of {count}")
        last = number
    table.end()


def _entries(box: Box) -> list[tuple[bytes, bytes]]:
    """Check the sample entries; return the kind and the decoder's parameters of each."""
    table = Table(box)
    count = table.uint(4)
    entries = []
    for entry in boxes(table.take(table.left), box.offset + 8):
        if entry.kind not in _PARAMETERS:
            raise residue(f"frames coded as {entry.kind.decode('latin-1')}")
        cursor = Cursor(entry.body)
        fixed = bytes(cursor.take(24)), cursor.take(4), bytes(cursor.take(46)), cursor.take(2), bytes(cursor.take(2))
        if fixed[::2] != _ENTRY:
            raise residue("a sample entry with bytes that should be fixed")
        properties = list(boxes(entry.body[78:], entry.offset + 78))
        for one in properties:
            if one.kind not in _PROPERTIES:
                raise residue(f"box {one.kind.decode('latin-1')} in a sample entry")
            if one.kind != b"ccst":
                check(one)
            elif len(one.body) != 8 or any(one.body[:4]) or any(one.body[5:]) or one.body[4] & 3:
                raise residue("a ccst box with reserved bits")
        check_crop(properties, (int.from_bytes(fixed[1][:2], "big"), int.from_bytes(fixed[1][2:], "big")))
        parameters = [bytes(one.body) for one in properties if one.kind == _PARAMETERS[entry.kind]]
        if len(parameters) != 1:
            raise residue("frames without their decoder's parameters")
        entries.append((entry.kind, parameters[0]))
    if len(entries) != count:
        raise StructureError(f"{count} sample entries announced, {len(entries)} there")
    return entries

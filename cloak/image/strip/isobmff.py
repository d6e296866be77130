"""Rewrite a HEIC or AVIF file, still or moving, around its coded pictures: boxes, items and units by allow-list.

Everything is laid out anew: `ftyp`, `meta` for still pictures, `moov` for image sequences, and an `mdat` box with
the kept bytes one behind the other. So nothing can be left between them.

Source: ISO/IEC 14496-12:2022; ISO/IEC 23008-12:2022 (HEIF); AV1 image file format 1.1.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError
from cloak.image import orientation
from cloak.image.strip.base import SEVERAL, TURNED_BY_TEXT, Keep, Piece, Plan, Source
from cloak.image.strip.finder import behind
from cloak.image.strip.isobmff_bits import Units
from cloak.image.strip.isobmff_boxes import Box, Report, content, damaged, header, joined, unsupported, write_box
from cloak.image.strip.isobmff_items import Picture, choose, pictures, shown_besides
from cloak.image.strip.isobmff_meta import Meta, read_meta
from cloak.image.strip.isobmff_movie import Frames, Movie, frames, read_movie, write_movie
from cloak.image.strip.isobmff_names import UNUSED, has_gaps, in_box, in_items, stated_orientation, used
from cloak.image.strip.isobmff_properties import TURNS, Properties
from cloak.image.strip.isobmff_write import Layout, write_meta

SEQUENCES = frozenset(b"avis hevc hevx hevm hevs msf1".split())
"""Brands of image sequences."""
STILLS = frozenset(b"avif heic heix heim heis mif1 mif2".split())
"""Brands of files that hold a still picture."""
_VAGUE = frozenset({b"msf1", b"mif1", b"mif2"})  # which do not say how it is coded
_PROFILES = b"avio miaf MA1A MA1B MiHA MiHB MiHE MiPr 1pic"
_GENERAL = b"isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 isoa isob isoc mp41 mp42"
BRANDS = SEQUENCES.union(STILLS, _PROFILES.split(), _GENERAL.split())
"""What a file may claim to be."""

_MOST_BOXES = 1000
_HEAVIER = 2  # times the original that the new file may weigh: parts that lie on top of each other are told apart


@dataclass(slots=True)
class _Found:
    """The boxes of a file that count."""

    brands: list[bytes] = field(default_factory=list)
    meta: Box | None = None
    movie: Box | None = None
    stores: list[Box] = field(default_factory=list)
    others: list[Box] = field(default_factory=list)


@dataclass(slots=True)
class _Store:
    """The content of the new `mdat` box; what is put into it twice is there once."""

    limit: int
    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    _places: dict[tuple[Piece, ...], int] = field(default_factory=dict)

    def add(self, pieces: tuple[Piece, ...]) -> int:
        """Put something in; return where it is."""
        if pieces in self._places:
            return self._places[pieces]
        place = self._places[pieces] = self.size
        self.pieces += pieces
        self.size += sum(map(len, pieces))
        if self.size > self.limit:
            raise damaged("pictures that lie on top of each other")
        return place


def plan(source: Source, keep: Keep) -> Plan:
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
        UnsupportedPhotoError: fragmented, or a picture that cannot be rewritten without changing it.
    """
    report = Report()
    found = _read(source, report)
    still_heic = found.movie is None and b"avif" not in found.brands  # which our decoder crops as it is stated
    properties, units = Properties(keep, report, reencodes=still_heic), Units(report)
    store = _Store(_HEAVIER * source.size)
    movie = None
    if found.movie is not None:
        movie = read_movie(source, found.movie, report, sequence=found.brands[0] in SEQUENCES)
    tracks = movie.tracks if movie else []
    sequences = [frames(source, track, properties, units) for track in tracks]
    starts = [[store.add(pieces) for _, pieces in sequence.pieces] for sequence in sequences]
    still = _read_still(source, found, properties, units, store)
    if still is None and movie is None:
        raise unsupported("a film") if found.movie else damaged("no picture in it")
    report.removed.update(name for box in found.others for name in in_box(source, box))
    uses = [*(used(source, still.meta) if still else ()), *(span for track in tracks for _, span in track.samples)]
    if (found.movie is None or (movie and movie.whole)) and has_gaps(found.stores, uses):
        report.removed.add(UNUSED)
    brands = _true_brands(found.brands, still, movie)
    head = _head(brands, still, (movie, sequences, starts), store.size)
    pieces = (head, *joined(store.pieces))
    return Plan(pieces, tuple(report.removed), tuple(sorted(report.kept)), tuple(sorted(report.notes)))


def _read(source: Source, report: Report) -> _Found:
    found = _Found()
    for box in _top(source, found, report):
        if not box.start and box.kind == b"ftyp":
            found.brands = _brands(content(source, box))
        elif box.kind == b"meta" and found.meta is None:
            found.meta = box
        elif box.kind == b"moov" and found.movie is None:
            found.movie = box
        elif box.kind == b"moof":
            raise unsupported("a fragmented image sequence")
        elif box.kind == b"mdat":
            found.stores.append(box)
        else:
            found.others.append(box)
    if not found.brands:
        raise damaged("no file type box that we know")
    return found


def _top(source: Source, found: _Found, report: Report) -> Iterator[Box]:
    """The boxes of the file, up to where what follows the pictures is no box, or another file."""
    position = 0
    for _ in range(_MOST_BOXES):
        if position >= source.size:
            return
        try:
            box = header(source, position, source.size)
        except UnreadablePhotoError:
            if found.meta is None and found.movie is None:
                raise
            box = None
        if box is None or not _belongs(box, source.size):
            report.removed.update(behind(source, position))
            return
        yield box
        position = box.end
    raise unsupported(f"a file of more than {_MOST_BOXES} boxes")


def _belongs(box: Box, end: int) -> bool:
    whole = box.end <= end or box.kind == b"mdat"
    return whole and box.kind.isascii() and box.kind.isalnum() and not (box.start and box.kind == b"ftyp")


def _brands(body: bytes) -> list[bytes]:
    listed = [body[index : index + 4] for index in range(0, len(body) - 3, 4) if index != 4]
    return [brand for brand in dict.fromkeys(listed) if brand in BRANDS]


@dataclass(slots=True)
class _Still:
    """The items that are kept, and where they are written: in `mdat` counted from its start."""

    meta: Meta
    primary: int
    kept: list[int]
    written: list[Picture]
    places: list[Layout]


def _read_still(source: Source, found: _Found, properties: Properties, units: Units, store: _Store) -> _Still | None:
    if found.meta is None:
        return None
    meta = read_meta(source, found.meta)
    if meta.primary is None or meta.handler != b"pict":
        properties.report.removed.update(in_items(source, meta))
        return None
    kept = choose(meta, meta.primary)
    if set(shown_besides(meta, meta.primary)) & set(kept):
        properties.report.notes.add(SEVERAL)
    turned = any(meta.owned(meta.primary, kind) for kind in TURNS)
    if not turned and stated_orientation(source, meta) != orientation.UPRIGHT:
        properties.report.notes.add(TURNED_BY_TEXT)
    written = list(pictures(source, meta, kept, properties, units))
    properties.report.removed.update(in_items(source, meta, frozenset(kept)))
    places, stored = [], 0
    for item in written:
        if not item.recipe:
            places.append(Layout(False, store.add(item.coded), sum(map(len, item.coded))))
        else:
            places.append(Layout(True, stored, len(item.recipe)))
            stored += len(item.recipe)
    return _Still(meta, meta.primary, kept, written, places)


def _true_brands(brands: Sequence[bytes], still: _Still | None, movie: Movie | None) -> list[bytes]:
    """The brands of what is left, at least one of which says how it is coded."""
    untrue = STILLS if still is None else SEQUENCES if movie is None else frozenset()
    listed = [brand for brand in brands if brand not in untrue]
    if any(brand in (SEQUENCES | STILLS) - _VAGUE for brand in listed):
        return listed
    if movie is not None:
        return [b"avis" if movie.tracks[0].entries[0].kind == b"av01" else b"hevc", *listed]
    coded = {item.kind for item in still.written} if still is not None else set()
    return [b"avif" if b"av01" in coded else b"heic", *listed]


def _head(
    brands: Sequence[bytes],
    still: _Still | None,
    moving: tuple[Movie | None, list[Frames], list[list[int]]],
    size: int,
) -> bytes:
    """Everything in front of the content of `mdat`."""
    movie, sequences, starts = moving
    data = struct.pack(">I4s", 8 + size, b"mdat") if size < 0xFFFFFFF0 else struct.pack(">I4sQ", 1, b"mdat", 16 + size)
    kind = write_box(b"ftyp", brands[0], bytes(4), *brands)
    length, head = -1, b""
    while len(head) != length:  # offsets may be wider than those that were guessed
        length = len(head)
        head = kind
        if still is not None:
            places = [
                place if place.stored else Layout(False, length + place.offset, place.size) for place in still.places
            ]
            head += write_meta(still.meta, still.primary, still.kept, still.written, places)
        if movie is not None:
            head += write_movie(movie, sequences, [[length + start for start in track] for track in starts])
        head += data
    return head

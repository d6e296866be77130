"""What of a HEIC or AVIF picture lies beyond its edge: of a grid's tiles, of pictures that are laid over each other.

The last tiles of phones reach beyond the edge, since tiles are of one size; what is there is filled up by the encoder.
It stays, and nothing is said: it would be said of every photo, and is no reason to worry. What layers hold there is
told. Tiles, or pictures, of which nothing is shown at all are no filling: they are refused, as is what a crop hides.
Frames that are shown smaller than they are stored are scaled, not cut; that is said.

Source: ISO/IEC 23008-12:2022, section 6.6.2; ISO/IEC 14496-12:2022, section 8.3.2 (a track's size).
"""

import struct
from collections.abc import Iterable

from cloak.image.strip.isobmff_boxes import Report
from cloak.image.strip.isobmff_crop import SIDES, hidden
from cloak.image.strip.isobmff_meta import Meta
from cloak.image.strip.isobmff_tracks import Track

_PADDING = 1  # pixels a side that encoders add, which need even sizes
_Edges = tuple[int, int, int, int]  # pixels beyond the edge: left, right, at the top, at the bottom


def check(meta: Meta, number: int, recipe: bytes, report: Report, *, reencodes: bool) -> None:
    """Say what of a picture that is made of others is not shown.

    Args:
        meta: the tables of items.
        number: of the picture.
        recipe: how it is made, as it is written.
        report: gets a note of a layer that is partly shown.
        reencodes: encoding the picture anew leaves nothing hidden.

    Raises:
        UnsupportedPhotoError: a part of which nothing is shown.
    """
    kind, parts = meta.items[number].kind, meta.links.get((b"dimg", number), ())
    if kind == b"grid":
        found = list(_of_tiles(meta, parts, recipe))
    elif kind == b"iovl":
        found = list(_of_layers(meta, parts, recipe))
    else:
        return
    for size, beyond in found:
        if max(beyond[:2]) >= size[0] or max(beyond[2:]) >= size[1]:
            raise hidden(beyond, reencodes=reencodes)
    edges = [max(0, *(beyond[side] for _, beyond in found)) for side in range(4)] if found else [0]
    if kind == b"iovl" and max(edges) > _PADDING:
        told = ", ".join(f"{name} {pixels}" for name, pixels in zip(SIDES, edges, strict=True) if pixels > 0)
        report.notes.add(f"pictures in it reach beyond the edge (pixels: {told}): what they hold there stays, hidden")


def check_track(track: Track, report: Report) -> None:
    """Say that frames are shown smaller than they are stored."""
    shown = [size / (1 << 16) for size in struct.unpack(">II", track.shape[-8:])]
    for entry in track.entries:
        stored = struct.unpack(">HH", entry.size)
        if all(shown) and any(one - other > _PADDING for one, other in zip(stored, shown, strict=True)):
            sizes = "{} x {} pixels) than they are shown ({:.0f} x {:.0f})".format(*stored, *shown)
            report.notes.add(f"its frames are stored larger ({sizes}")


def _of_tiles(meta: Meta, parts: Iterable[int], recipe: bytes) -> Iterable[tuple[tuple[int, int], _Edges]]:
    """The size of a tile, and how far the last ones reach beyond the edge."""
    down, across = recipe[2] + 1, recipe[3] + 1
    width, height = struct.unpack(">II" if recipe[1] & 1 else ">HH", recipe[4:])
    for size in {size for size in (_size(meta, part) for part in parts) if size}:
        yield size, (0, max(0, across * size[0] - width), 0, max(0, down * size[1] - height))


def _of_layers(meta: Meta, parts: tuple[int, ...], recipe: bytes) -> Iterable[tuple[tuple[int, int], _Edges]]:
    """The size of each picture, and how far it reaches beyond the edges."""
    wide = bool(recipe[1] & 1)
    width, height = struct.unpack_from(">II" if wide else ">HH", recipe, 10)
    corners = struct.iter_unpack(">ii" if wide else ">hh", recipe[18 if wide else 14 :])
    for part, (left, top) in zip(parts, corners, strict=True):
        size = _size(meta, part)
        if size:
            beyond = -left, left + size[0] - width, -top, top + size[1] - height
            yield size, (max(0, beyond[0]), max(0, beyond[1]), max(0, beyond[2]), max(0, beyond[3]))


def _size(meta: Meta, number: int) -> tuple[int, int] | None:
    """Width and height of a part as it is laid out, turned and cropped; None where it does not say."""
    size = None
    for index, _ in meta.items[number].properties:
        kind, body = meta.properties[index]
        if kind == b"ispe" and len(body) >= 12:
            size = struct.unpack(">II", body[4:12])
        elif size and kind == b"irot" and body and body[0] & 1:
            size = size[1], size[0]
        elif size and kind == b"clap" and len(body) >= 16:
            across, over, down, under = struct.unpack(">4i", body[:16])
            size = (across // over, down // under) if over > 0 and under > 0 else size
    return size if size and all(size) else None


__all__ = ["check", "check_track"]

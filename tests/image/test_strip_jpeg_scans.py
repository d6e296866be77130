"""JPEG files whose scans, or what is announced for them, could hold more than the picture."""

import pytest

from cloak.errors import ResidueError, UnreadablePhotoError
from cloak.image.scan import scan
from cloak.image.structure import jpeg_segments

from .contract import frames, stripped
from .dirty import SECRET, jpeg, scene, segment
from .jpeg_files import PLAIN, PROGRESSIVE, inserted

LETTERS = SECRET + b" " * (len(SECRET) % 2)
SPELLED = [segment(0xDD, LETTERS[place : place + 2]) for place in range(0, len(LETTERS), 2)]
NEVER = segment(0xDD, b"\0\0")
RESTARTS = stripped(jpeg(scene(), restart_marker_rows=1))[0]
OWN = next(RESTARTS[piece.start : piece.end] for piece in jpeg_segments(RESTARTS) if piece.kind == b"\xdd")


def scans(data):
    """Where the scans start."""
    return [piece.start for piece in jpeg_segments(data) if piece.kind == b"\xda"]


@pytest.mark.parametrize(
    ("data", "extra", "place"),
    [
        (PLAIN, [*SPELLED, NEVER], 20),
        (PLAIN, [NEVER], 20),
        (PLAIN, SPELLED, -2),
        (PROGRESSIVE, SPELLED[:1], -2),
        (PROGRESSIVE, [NEVER], "second scan"),
        (PROGRESSIVE, [*SPELLED, NEVER], "second scan"),
        (RESTARTS, SPELLED, 20),
        (RESTARTS, [*SPELLED, OWN], "first scan"),
        (RESTARTS, [OWN], -2),
    ],
)
def test_of_restart_intervals_only_those_stay_that_a_scan_uses_and_that_change_something(data, extra, place):
    clean = stripped(data)[0]
    places = {"first scan": scans(clean)[0], "second scan": scans(clean)[-1]}
    at = places.get(place, len(clean) - 2 if place == -2 else place)
    dirty = inserted(clean, *extra, at=at)
    written, planned = stripped(dirty)
    assert planned.removed == ("restart intervals that nothing uses",)
    assert frames(written) == frames(dirty) == frames(clean)
    assert len(written) == len(clean)
    assert stripped(written)[0] == written
    with pytest.raises(ResidueError, match="restart interval"):
        scan(dirty)


def test_restart_intervals_of_encoders_stay():
    for rows in (1, 2):
        for progressive in (False, True):
            written, planned = stripped(jpeg(scene(), restart_marker_rows=rows, progressive=progressive))
            assert OWN[:4] in written
            assert planned.removed == ()


@pytest.mark.parametrize("kind", [0xC0, 0xC1, 0xC3])
@pytest.mark.parametrize("grey", [False, True])
def test_a_second_scan_of_a_colour_is_refused_where_one_holds_all_of_it(kind, grey):
    # Decoders show one of the two: the other could be any picture, or text.
    clean = stripped(jpeg(scene()[..., 0] if grey else scene()))[0]
    start, first = clean.index(b"\xff\xc0"), scans(clean)[0]
    clean = clean[: start + 1] + bytes([kind]) + clean[start + 2 :]
    clean = stripped(clean)[0]
    first = scans(clean)[0]
    header = clean[first : first + 2 + int.from_bytes(clean[first + 2 : first + 4], "big")]
    one = segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
    for dirty in (
        inserted(clean, clean[first:-2], at=len(clean) - 2),
        inserted(clean, header + SECRET, at=len(clean) - 2),
        inserted(clean, one + SECRET, at=first),
        inserted(clean, one + SECRET, at=len(clean) - 2),
    ):
        with pytest.raises(UnreadablePhotoError, match="second scan"):
            stripped(dirty)
        with pytest.raises(ResidueError, match="second scan"):
            scan(dirty)


def test_one_scan_may_not_name_a_colour_twice():
    clean = stripped(PLAIN)[0]
    first = scans(clean)[0]
    dirty = clean[: first + 9] + clean[first + 7 : first + 8] + clean[first + 10 :]
    dirty = dirty[: first + 7] + dirty[first + 5 : first + 6] + dirty[first + 8 :]
    with pytest.raises(UnreadablePhotoError, match="second scan"):
        stripped(dirty)
    with pytest.raises(ResidueError, match="second scan"):
        scan(dirty)

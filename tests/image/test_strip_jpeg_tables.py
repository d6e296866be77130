"""JPEG files with tables that no scan uses: they could hold anything, and go; the picture stays."""

import io

import pytest
from PIL import Image

from cloak.errors import ResidueError
from cloak.image.scan import scan
from cloak.image.structure import jpeg_segments

from .contract import frames, stripped
from .dirty import SECRET, dirty_jpeg, jpeg, scene, segment
from .jpeg_files import PLAIN, PROGRESSIVE, cmyk, inserted

UNUSED = ("tables that nothing uses",)
LETTERS = (SECRET * 8)[:64]
COUNTS = bytes([0] * 7 + [64] + [0] * 8)
FILES = [PLAIN, PROGRESSIVE, jpeg(scene()[..., 0]), jpeg(scene(), restart_marker_rows=1)]
NAMES = ["baseline", "progressive", "grey", "restarts"]


def quantisation(number):
    return bytes([number]) + LETTERS


def huffman(kind, number):
    return bytes([kind << 4 | number]) + COUNTS + LETTERS


def scans(data):
    """Where the scans start."""
    return [piece.start for piece in jpeg_segments(data) if piece.kind == b"\xda"]


def assert_goes(clean, dirty):
    written, planned = stripped(dirty)
    assert written == clean
    assert planned.removed == UNUSED
    assert frames(written) == frames(dirty)
    with pytest.raises(ResidueError, match="that nothing uses"):
        scan(dirty)


@pytest.mark.parametrize("data", FILES, ids=NAMES)
@pytest.mark.parametrize(
    "extra",
    [
        segment(0xDB, quantisation(3)),
        segment(0xDB, b"\x13" + LETTERS * 2),
        segment(0xC4, huffman(1, 3)),
        segment(0xC4, huffman(0, 3)),
        segment(0xCC, b"\0\x10"),
    ],
    ids=["quantisation", "wide quantisation", "AC", "DC", "arithmetic"],
)
def test_a_table_that_no_scan_names_goes_wherever_it_stands(data, extra):
    clean = stripped(data)[0]
    for place in (20, *scans(clean), len(clean) - 2):
        assert_goes(clean, inserted(clean, extra, at=place))


@pytest.mark.parametrize("data", FILES, ids=NAMES)
def test_tables_behind_the_last_scan_go_and_so_do_those_that_are_replaced_unused(data):
    clean = stripped(data)[0]
    for part in (segment(0xDB, quantisation(0)), segment(0xC4, huffman(0, 0)), segment(0xC4, huffman(1, 0))):
        assert_goes(clean, inserted(clean, part, at=20))
        assert_goes(clean, inserted(clean, part, at=len(clean) - 2))


def test_of_a_segment_only_the_tables_that_are_used_stay():
    clean = stripped(PLAIN)[0]
    place = clean.index(b"\xff\xdb")
    size = 2 + int.from_bytes(clean[place + 2 : place + 4], "big")
    own = clean[place + 4 : place + size]
    for payload in (own + quantisation(3), quantisation(2) + own, quantisation(0) + own + quantisation(2)):
        assert_goes(clean, clean[:place] + segment(0xDB, payload) + clean[place + size :])


def test_tables_for_colours_go_from_a_grey_picture():
    grey, colour = stripped(jpeg(scene()[..., 0]))[0], stripped(PLAIN)[0]
    parts = [(piece.kind[0], colour[piece.start : piece.end]) for piece in jpeg_segments(colour)]
    tables = [part for marker, part in parts if marker in {0xDB, 0xC4}]
    assert_goes(grey, inserted(grey, *tables, at=20))


def test_a_progressive_scan_needs_only_the_tables_of_its_kind():
    clean = stripped(PROGRESSIVE)[0]
    first, *_, last = scans(clean)
    assert_goes(clean, inserted(clean, segment(0xC4, huffman(1, 0)), at=first))
    assert clean[last + 5 + 2 * clean[last + 4]] != 0, "the last scan is one of AC coefficients"
    assert_goes(clean, inserted(clean, segment(0xC4, huffman(0, 0)), at=last))


def test_a_finer_scan_of_dc_needs_no_table():
    clean = stripped(PROGRESSIVE)[0]
    finer = [place for place in scans(clean) if clean[place + 3 + 2 * clean[place + 4] + 2 :][:1] == b"\0"]
    assert len(finer) == 2
    assert_goes(clean, inserted(clean, segment(0xC4, huffman(0, 0)), at=finer[1]))


def test_arithmetic_coding_uses_its_own_settings():
    start = PLAIN.index(b"\xff\xc0")
    data = PLAIN[: start + 1] + b"\xc9" + PLAIN[start + 2 :]
    settings = segment(0xCC, b"\0\x10\x10\5")
    written, planned = stripped(inserted(data, segment(0xCC, b"\x03\x21" + b"\x10\4"), settings))
    assert planned.removed == UNUSED
    assert settings in written
    assert b"\xff\xc4" not in written
    assert stripped(written)[0] == written


def test_lossless_coding_uses_no_ac_tables():
    start = PLAIN.index(b"\xff\xc0")
    data = PLAIN[: start + 1] + b"\xc3" + PLAIN[start + 2 :]
    written, planned = stripped(data)
    kinds = [written[piece.start + 4] >> 4 for piece in jpeg_segments(written) if piece.kind == b"\xc4"]
    assert set(kinds) == {0}
    assert planned.removed == UNUSED


def test_tables_that_change_between_scans_stay():
    # Three scans, one for each colour, that all use the tables with the number 0.
    buffer = io.BytesIO()
    Image.fromarray(scene()[..., 0]).save(buffer, "JPEG")
    grey = stripped(buffer.getvalue())[0]
    parts = {piece.kind[0]: grey[piece.start : piece.end] for piece in jpeg_segments(grey)}
    tables = b"".join(grey[piece.start : piece.end] for piece in jpeg_segments(grey) if piece.kind[0] in {0xDB, 0xC4})
    size = grey[grey.index(b"\xff\xc0") + 5 :][:4]
    frame = segment(0xC0, b"\x08" + size + b"\3" + b"".join(bytes([name, 0x11, 0]) for name in (1, 2, 3)))
    coded = parts[0xDA]
    data = b"\xff\xd8" + frame
    for name in (1, 2, 3):
        data += tables + coded[:5] + bytes([name]) + coded[6:]
    data += b"\xff\xd9"
    written, planned = stripped(data)
    assert written == data
    assert planned.removed == ()
    assert frames(written) == frames(data)


@pytest.mark.parametrize("data", [PLAIN, PROGRESSIVE, dirty_jpeg(1), cmyk(), jpeg(scene(), optimize=True)])
def test_what_encoders_write_loses_no_table(data):
    assert not set(UNUSED) & set(stripped(data)[1].removed)

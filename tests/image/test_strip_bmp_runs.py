"""BMP coded by the length of runs: what is shown stays, in one way of saying it; what is shown nowhere goes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloak.errors import PhotoError, ResidueError
from cloak.image import blocks
from cloak.image.scan import scan

from .bmp_files import HEIGHT, WIDTH, bitmap, coded, runs
from .contract import Case, Contract, stripped, stripped_or_refused
from .dirty import SECRET

ACROSS = b"\x1e\5\0\x13abcdefg\0\0" + SECRET + b"\0"
HIDDEN_RUN = b"\0" + bytes([len(SECRET)]) + SECRET
MOVES = b"".join(bytes([0, 2, letter, 0]) for letter in SECRET)


def shown(data):
    """The pixels of 8-bit runs as browsers show them: what reaches beyond a row is cut off."""
    picture, (row, column), place = {}, (0, 0), 54 + 1024
    while row < HEIGHT:
        count, value = data[place : place + 2]
        place += 2
        if not count and value < 2:
            row, column = (row + 1, 0) if not value else (HEIGHT, 0)
        elif not count and value == 2:
            row, column, place = row + data[place + 1], column + data[place], place + 2
        else:
            pixels = [value] * count or data[place : place + value]
            place += 0 if count else value + value % 2
            picture |= {(row, column + n): pixel for n, pixel in enumerate(pixels) if column + n < WIDTH}
            column += len(pixels)
    return {place: pixel for place, pixel in picture.items() if place[0] < HEIGHT}


class TestRuns(Contract):
    CASES = (
        Case("runs", bitmap(depth=8, compression=1, pixels=runs(), tail=SECRET), [blocks.TRAILER]),
        Case("runs of 4 bits", bitmap(depth=4, compression=2, pixels=runs(), tail=SECRET), [blocks.TRAILER]),
        Case("padding of a run", coded(runs()[:11] + b"X" + runs()[12:]), [blocks.STRAY], ()),
        Case("run behind a row", coded(runs(b"\1S\1e")), [blocks.STRAY], (b"\1S", b"\1e")),
        Case("uncoded run behind a row", coded(runs(b"\x1e\5" + HIDDEN_RUN)), [blocks.STRAY], shown=shown),
        Case("moves behind a row", coded(runs(MOVES)), [blocks.STRAY], (MOVES[:8],), shown),
        Case("runs behind the picture", coded(runs(end=b"\0\0\5S\0\1")), [blocks.TRAILER], (b"\5S",)),
        Case("no code for the end", coded(runs(end=b"")), secrets=()),
        Case("uncoded run across the end of a row", coded(ACROSS + runs()[12:]), shown=shown),
    )


@pytest.mark.parametrize(
    ("codes", "written"),
    [
        (b"\x26\5", b"\x25\5"),
        (b"\x24\5\0\3abc\0", b"\x24\5\1a"),
        (b"\x23\5\0\4abcd", b"\x23\5\1a\1b"),
        (b"\x22\5\0\5abcdeX", b"\x22\5\0\3abc\0"),
        (b"\0\2\1\0\0\2\2\0\5a", b"\0\2\3\0\5a"),
        (b"\5a\0\2\7\1\5a", b"\5a\0\2\7\1\5a"),
        (b"\5a\0\2\7\1\0\0\0\2\1\0\5a", b"\5a\0\0\0\2\1\1\5a"),
        (b"\5a\0\0\0\0\5a", b"\5a\0\0\0\2\0\1\5a"),
        (b"\5a\0\0\0\2\7\0\5a", b"\5a\0\2\2\1\5a"),
        (b"\5a\0\2\xff\0\0\2\xff\0\5a", b"\5a"),
        (b"\5a\0\2\1\x99\5a", b"\5a"),
        (b"\5a\0\0\0\2\1\1", b"\5a"),
    ],
)
def test_codes_say_each_thing_in_one_way(codes, written):
    assert stripped(coded(codes + b"\0\1"))[0][-len(written) - 2 :] == written + b"\0\1"
    assert stripped(coded(codes + b"\0\1"))[0][54 + 1024 :] == written + b"\0\1"
    scan(coded(written + b"\0\1"))
    if codes != written:
        with pytest.raises(ResidueError):
            scan(coded(codes + b"\0\1"))


def test_half_a_byte_that_no_pixel_needs_is_zero():
    data = bitmap(depth=4, compression=2, pixels=b"\1\x7f\0\3\x12\x3f\0\1")
    assert stripped(data)[0][-8:] == b"\1\x70\0\3\x12\x30\0\1"
    with pytest.raises(ResidueError, match="padding"):
        scan(data)


@settings(max_examples=80, deadline=None)
@given(codes=st.binary(max_size=60), depth=st.sampled_from([4, 8]))
def test_no_runs_crash_it(codes, depth):
    written = stripped_or_refused(bitmap(depth=depth, compression=3 - depth // 4, pixels=codes + runs()), ())
    if written:
        assert stripped(written)[0] == written


def test_runs_that_are_cut_off_are_refused():
    with pytest.raises(PhotoError):
        stripped(coded(runs()[:50]))


CODES = [b"\5a", b"\0\0", b"\0\2\3\1", b"\0\4abcd", b"\0\3abc\0", b"\x20b"]


@settings(max_examples=80, deadline=None)
@given(codes=st.lists(st.sampled_from(CODES), max_size=40))
def test_whatever_is_written_shows_the_same(codes):
    data = coded(b"".join(codes) + b"\0\1")
    assert shown(stripped(data)[0]) == shown(data)

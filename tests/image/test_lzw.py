"""LZW: both readers say of any stream of codes what a decoder that decodes it, code by code, says."""

from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloak.errors import UnreadablePhotoError
from cloak.image.scan.lzw import ends_with
from cloak.image.strip.lzw import Codes

LITERAL, OLDER, NEWEST, CLEAR, END, UNKNOWN = range(6)


@dataclass(frozen=True)
class Stream:
    """A stream of codes, how many pixels it has at its end, and how many there were before each code."""

    data: bytes
    bits: int
    tiff: bool
    counts: tuple[int, ...] = (0,)


def to_bits(number, width, tiff):
    """A number as it is written: its highest bit first in TIFF, its lowest in GIF."""
    text = f"{number:0{width}b}"
    return text if tiff else text[::-1]


def to_bytes(text, tiff):
    text += "0" * (-len(text) % 8)
    parts = [text[start : start + 8] for start in range(0, len(text), 8)]
    return bytes(int(part if tiff else part[::-1], 2) for part in parts)


def width_of(codes, bits, tiff):
    """Bits of the next code, so many codes behind the last that cleared the table: by the standards.

    A decoder adds a string with every code but the first, and in a GIF takes the next width as soon as the next string
    would not fit into this one; in a TIFF one sooner.
    """
    last_entry = (1 << bits) + 1 + max(0, codes - 1)
    width = bits + 1
    while width < 12 and last_entry + 1 + tiff >= 1 << width:
        width += 1
    return width


def write(bits, tiff, orders):
    """The stream that follows orders, each a kind of code, how many of them, and a number to choose by."""
    clear, text, counts, table, previous, since = 1 << bits, [], [0], [], 0, 0
    for kind, times, choice in orders:
        for turn in range(times):
            width = width_of(since, bits, tiff)
            known = clear + 2 + len(table)
            code = {CLEAR: clear, END: clear + 1, UNKNOWN: min(known + choice, (1 << width) - 1)}.get(
                kind, (choice * (turn + 1)) % clear
            )
            if kind == OLDER and table:
                code = clear + 2 + (choice + 7 * turn) % len(table)
            if kind == NEWEST and previous and len(table) < 4096 - clear - 2:
                code = known
            text.append(to_bits(code, width, tiff))
            pixels = 1 if code < clear else 0
            if code > clear + 1:
                pixels = table[code - clear - 2] if code < known else previous + 1
            if code == clear:
                table, previous, since = [], 0, 0
            else:
                if previous and known < 4096:
                    table.append(previous + 1)
                previous, since = pixels, since + 1
            counts.append(counts[-1] + pixels)
    return Stream(to_bytes("".join(text), tiff), bits, tiff, tuple(counts))


def decode(stream, pixels):
    """Decode code by code, as the standards tell it: how it ended, bits up to there, width of the next code, pixels."""
    clear, tiff = 1 << stream.bits, stream.tiff
    text = "".join(to_bits(byte, 8, tiff) for byte in stream.data)
    table, previous, since, seen, place = [], None, 0, 0, 0
    while True:
        width = width_of(since, stream.bits, tiff)
        if seen >= pixels:
            return "full", place, width, seen
        if place + width > len(text):
            return "data", place, width, seen
        read = text[place : place + width]
        code = int(read if tiff else read[::-1], 2)
        if code == clear + 1:
            return "end", place, width, seen
        if code == clear:
            table, previous, since = [], None, 0
        else:
            strings = [*range(clear), None, None, *table]
            if previous is not None and len(strings) < 4096:
                table.append(previous + 1)
            if code >= clear + 2 + len(table):
                return "unknown", place, width, seen
            previous = 1 if code < clear else table[code - clear - 2]
            seen, since = seen + previous, since + 1
        place += width


def followed(stream, pixels, step):
    """What the first reader says: where the picture ends, as `decode` does, and the end code that it asks for."""
    codes = Codes(stream.bits, pixels, tiff=stream.tiff)
    found = None
    for start in range(0, len(stream.data), step):
        found = codes.feed(stream.data[start : start + step])
        if found:
            break
    end = found or codes.end()
    return bool(found), end.whole, end.tail, codes.seen


def expected(stream, pixels):
    why, place, width, seen = decode(stream, pixels)
    if why == "unknown":
        return None
    text = "".join(to_bits(byte, 8, stream.tiff) for byte in stream.data)
    whole = place // 8
    tail = to_bytes(text[8 * whole : place] + to_bits((1 << stream.bits) + 1, width, stream.tiff), stream.tiff)
    return why != "data", whole, tail, seen


def ends(stream, pixels):
    """What the second reader has to say."""
    why, place, width, seen = decode(stream, 1 << 60)
    text = "".join(to_bits(byte, 8, stream.tiff) for byte in stream.data)
    rest = text[place + width :]
    if why != "end" or not seen or "1" in rest or len(rest) >= 8:
        return False
    full = decode(stream, pixels)  # where it has enough: nothing but the end may follow
    return full[0] != "full" or full[1] == place


ORDERS = st.lists(
    st.tuples(
        st.sampled_from([LITERAL, OLDER, OLDER, NEWEST, NEWEST, CLEAR, CLEAR, END, UNKNOWN]),
        st.one_of(st.integers(1, 3), st.integers(1, 300)),
        st.integers(0, 5000),
    ),
    max_size=12,
)


@st.composite
def streams(draw):
    tiff = draw(st.booleans())
    bits = draw(st.integers(2, 11))
    kind = draw(st.integers(0, 3))
    if not kind:
        return Stream(draw(st.binary(max_size=200)), bits, tiff)
    orders = draw(ORDERS)
    if kind > 1:  # one that is well-formed
        orders = [(CLEAR, 1, 0), *(order for order in orders if order[0] not in {END, UNKNOWN}), (END, 1, 0)]
    return write(bits, tiff, orders)


@st.composite
def questions(draw):
    stream = draw(streams())
    near = draw(st.sampled_from(stream.counts if draw(st.booleans()) else stream.counts[-4:]))
    return stream, max(1, near + draw(st.integers(-1, 1)))


def full_table(bits, tiff, more):
    """A table that is full, and some more codes."""
    return write(bits, tiff, [(CLEAR, 1, 0), (LITERAL, 2, 3), (NEWEST, 1, 0), (OLDER, 4200, 5), *more, (END, 1, 0)])


@given(questions(), st.integers(1, 400))
@example((full_table(8, True, [(CLEAR, 1, 0), (LITERAL, 9, 1)]), 1 << 40), 64)
@example((full_table(2, False, []), 5000), 1 << 16)
@example((full_table(11, False, [(CLEAR, 2, 0), (LITERAL, 40, 1), (CLEAR, 1, 0)]), 1 << 40), 1 << 16)
@settings(deadline=None, max_examples=400)
def test_the_first_reader_follows_codes_as_a_decoder_does(question, step):
    stream, pixels = question
    wanted = expected(stream, pixels)
    if wanted is None:
        with pytest.raises(UnreadablePhotoError, match="damaged"):
            followed(stream, pixels, step)
    else:
        assert followed(stream, pixels, step) == wanted


@given(questions())
@example((full_table(8, True, [(CLEAR, 1, 0), (LITERAL, 9, 1)]), 1 << 40))
@example((full_table(2, False, []), 5000))
@example((full_table(11, False, [(CLEAR, 2, 0), (LITERAL, 40, 1), (CLEAR, 1, 0)]), 1 << 40))
@settings(deadline=None, max_examples=400)
def test_the_second_reader_accepts_what_ends_where_a_decoder_is_done(question):
    stream, pixels = question
    assert ends_with(stream.data, stream.bits, pixels, tiff=stream.tiff) == ends(stream, pixels)


@pytest.mark.parametrize("bits", [2, 5, 8])
@pytest.mark.parametrize("codes", [0, 1, 5, 40, 300])
def test_tables_that_are_cleared_all_the_time_are_followed_to_the_end(bits, codes):
    orders = [(CLEAR, 1, 0), (LITERAL, codes, 1)] if codes else [(CLEAR, 1, 0)]
    stream = write(bits, False, [(LITERAL, 1, 0), *(orders * (2000 // (codes + 1))), (END, 1, 0)])
    assert followed(stream, 1 << 40, 1 << 16) == expected(stream, 1 << 40)
    assert ends_with(stream.data, bits, stream.counts[-1] + 1)


def test_what_is_behind_the_last_pixel_is_not_looked_at_however_near_it_is():
    stream = write(8, False, [(CLEAR, 1, 0), (LITERAL, 100, 1), (UNKNOWN, 3, 9)])
    assert followed(stream, 100, 1 << 16) == expected(stream, 100)


@pytest.mark.parametrize("bits", [2, 8])
@pytest.mark.parametrize("codes", [3, 20, 300])
@pytest.mark.parametrize("clears", [1, 2])
def test_the_second_reader_refuses_one_pixel_too_many_and_not_one_too_few(bits, codes, clears):
    stream = write(bits, False, [(CLEAR, clears, 0), (LITERAL, codes, 1), (END, 1, 0)])
    said = [ends_with(stream.data, bits, pixels) for pixels in (codes - 1, codes, codes + 1)]
    assert said == [False, True, True]

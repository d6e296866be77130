"""What strippers read files through."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloak.errors import UnreadablePhotoError
from cloak.image.strip.base import File, Memory, Plan, Span, merged

DATA = bytes(range(256)) * 1200
READS = st.lists(
    st.tuples(st.integers(-5, len(DATA) + 5), st.one_of(st.integers(-1, 40), st.integers(0, len(DATA) + 5))),
    max_size=20,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "file"
    path.write_bytes(DATA)
    return path


def outcome(source, offset, count):
    """What is read, or why it cannot be."""
    try:
        return source.read(offset, count)
    except UnreadablePhotoError as error:
        return str(error)


@settings(max_examples=100, deadline=None)
@given(reads=READS)
def test_a_file_reads_as_its_bytes_in_memory_do_in_whatever_order(path, reads):
    memory = Memory(DATA)
    with File(path) as file:
        assert file.size == memory.size
        for offset, count in reads:
            assert outcome(file, offset, count) == outcome(memory, offset, count)


def test_a_file_that_is_cut_off_while_it_is_read_says_so(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with File(path) as file:
        assert file.read(0, 10) == DATA[:10]
        path.write_bytes(DATA[:100_000])
        with pytest.raises(UnreadablePhotoError, match="ends at byte 100000 while it is read"):
            file.read(90_000, 20_000)


@given(cuts=st.lists(st.integers(0, 50), max_size=8).map(sorted))
def test_spans_that_follow_each_other_are_joined_and_nothing_else_changes(cuts):
    spans = [Span(start, end) for start, end in pairwise(cuts)]
    pieces = [*spans, b"made", *spans]
    joined = list(merged(pieces))
    source = Memory(DATA)
    assert b"".join(Plan(tuple(joined)).blocks(source)) == b"".join(Plan(tuple(pieces)).blocks(source))
    assert len(joined) <= 3

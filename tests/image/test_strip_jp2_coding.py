"""JPEG 2000: what the headers of the codestream say is there once, and of its exact size."""

import struct

import pytest

from cloak.errors import ResidueError, UnreadablePhotoError
from cloak.image.scan import scan

from .contract import frames, stripped
from .dirty import SECRET
from .test_strip_jp2 import PLAIN, coded, in_main_header, in_part, rebuilt, segment

COMPONENTS = 3
STREAM = PLAIN[PLAIN.index(b"\xff\x4f") :]


def own(marker, stream=STREAM):
    """A segment of the codestream, without its marker and size."""
    start = stream.index(struct.pack(">H", marker))
    return stream[start + 4 : start + 2 + int.from_bytes(stream[start + 2 : start + 4], "big")]


COD, QCD = own(0xFF52), own(0xFF5C)
COC = b"\0" + COD[5:]
QCC = QCD


def quantised(stream, payload):
    start = stream.index(b"\xff\x5c")
    return stream[:start] + segment(0xFF5C, payload) + stream[start + 4 + len(QCD) :]


def of_component(number, style, rest):
    return bytes([number]) + style + rest


@pytest.mark.parametrize("change", [in_main_header, in_part])
@pytest.mark.parametrize(
    "extra",
    [
        segment(0xFF53, of_component(0, b"", COC)) + segment(0xFF53, of_component(1, b"", COC)),
        segment(0xFF5D, of_component(2, b"", QCC)),
        segment(0xFF5D, of_component(2, b"\x41", b"\x12\x34")),
        segment(0xFF5E, b"\1\0\0"),
    ],
)
def test_what_a_header_may_say_of_a_component_stays(change, extra):
    data = rebuilt(PLAIN, stream=change(extra))
    written, planned = stripped(data)
    assert extra in written
    assert planned.removed == stripped(PLAIN)[1].removed


@pytest.mark.parametrize(
    "extra",
    [
        segment(0xFF50, b"\0\2\0\0\0\1" + SECRET),
        segment(0xFF50, b"\0\2\0\0\0\1") * 2,
        segment(0xFF50, b"\0\2"),
        segment(0xFF51, own(0xFF51)),
        segment(0xFF52, COD),
        segment(0xFF5C, QCD),
        segment(0xFF53, of_component(0, b"", COC + SECRET)),
        segment(0xFF53, of_component(0, b"", COC)) * 2,
        segment(0xFF53, of_component(COMPONENTS, b"", COC)),
        segment(0xFF53, b""),
        segment(0xFF5D, of_component(0, b"", QCC + SECRET)),
        segment(0xFF5D, of_component(0, b"", QCC[:-1])),
        segment(0xFF5D, of_component(0, b"", QCC)) * 2,
        segment(0xFF5D, of_component(9, b"", QCC)),
        segment(0xFF5D, of_component(0, b"\x43", QCC[1:])),
        segment(0xFF5D, of_component(0, b"\x41", QCC[1:])),
        segment(0xFF5D, b"\0"),
        segment(0xFF5E, b"\1\0\0" + SECRET),
        segment(0xFF5E, b"\1\0\0") * 2,
        segment(0xFF5E, b"\3\0\0"),
        segment(0xFF5F, SECRET[: len(SECRET) // 7 * 7 - 1]),
        segment(0xFF5F, b""),
    ],
)
def test_anything_twice_or_of_another_size_is_refused(extra):
    for clean in (stripped(PLAIN)[0], stripped(coded(tile_size=(32, 32)))[0]):
        dirty = rebuilt(clean, stream=in_main_header(extra))
        with pytest.raises(UnreadablePhotoError, match="exact size"):
            stripped(dirty)
        with pytest.raises(ResidueError):
            scan(dirty)


def test_in_a_part_too():
    for extra in (segment(0xFF52, COD) * 2, segment(0xFF5C, QCD) * 2, segment(0xFF5C, QCD + SECRET)):
        dirty = rebuilt(stripped(PLAIN)[0], stream=in_part(extra))
        with pytest.raises(UnreadablePhotoError, match="exact size"):
            stripped(dirty)
        with pytest.raises(ResidueError):
            scan(dirty)


@pytest.mark.parametrize("payload", [QCD + SECRET, QCD[:-3], b"\x40" + (SECRET * 9)[:192], b"\x41\0\0" + SECRET])
def test_quantisation_is_as_long_as_the_levels_say(payload):
    dirty = rebuilt(stripped(PLAIN)[0], stream=lambda stream: quantised(stream, payload))
    with pytest.raises(UnreadablePhotoError, match="exact size"):
        stripped(dirty)
    with pytest.raises(ResidueError, match="wrong size"):
        scan(dirty)


@pytest.mark.parametrize("marker", [0xFF56, 0xFF59])
def test_names_of_profiles_go(marker):
    clean = stripped(PLAIN)[0]
    dirty = rebuilt(clean, stream=in_main_header(segment(marker, SECRET) * 2))
    written, planned = stripped(dirty)
    assert written == clean
    assert planned.removed == ("the name of a profile",)
    with pytest.raises(ResidueError, match="unknown"):
        scan(dirty)


@pytest.mark.parametrize(
    "options",
    [
        {"irreversible": True},
        {"num_resolutions": 1},
        {"num_resolutions": 4, "precinct_size": (64, 64)},
        {"tile_size": (32, 32), "irreversible": True, "progression": "CPRL"},
        {"mode": "L"},
        {"mode": "LA"},
        {"quality_layers": [30, 10]},
    ],
)
def test_what_a_library_writes_stays(options):
    data = coded(**options)
    written = stripped(data)[0]
    assert frames(written) == frames(data)
    assert written[written.index(b"\xff\x52") :].startswith(data[data.index(b"\xff\x52") :][:12])

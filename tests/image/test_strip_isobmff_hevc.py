"""HEIC: one picture in the data of each item, with the parameter sets that it uses, and no others."""

import struct

import pytest

from cloak.errors import ResidueError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.scan import scan
from cloak.image.scan.hevc_sets import check_used, picture_set
from cloak.image.strip.isobmff_hevc import parameters_of, used

from .contract import stripped
from .dirty import SECRET
from .isobmff_files import build, coded, like, refused

BASE = coded("heic")
CONFIG = next(body for kind, body, _ in BASE.properties if kind == b"hvcC")
CLEAN = stripped(build([BASE]))[0]
HIDDEN = SECRET * 500


def golomb(number):
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def unit(kind, bits, rest=b""):
    bits += "1"
    return bytes([kind << 1, 1]) + int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8)) + rest


def pps(number, sps=0, rest=HIDDEN):
    return unit(34, golomb(number) + golomb(sps), rest)


def sps(number, layers=0, rest=HIDDEN):
    flags = "10" * layers + "00" * (8 - layers) if layers else ""
    return unit(33, f"{0:04b}{layers:03b}1" + "01" * 48 + flags + "1" * 88 * layers + golomb(number), rest)


def vps(number, rest=HIDDEN):
    return unit(32, f"{number:04b}", rest)


def config(*arrays):
    """The record with more sets: kind and units of each array."""
    body = CONFIG[:22] + bytes([CONFIG[22] + len(arrays)]) + CONFIG[23:]
    for kind, *units in arrays:
        body += struct.pack(">BH", 0x80 | kind, len(units)) + b"".join(struct.pack(">H", len(u)) + u for u in units)
    return body


def picture(body, data=BASE.data):
    properties = [(kind, body if kind == b"hvcC" else old, mark) for kind, old, mark in BASE.properties]
    return like(BASE, data=data, properties=properties)


@pytest.mark.parametrize(
    "arrays",
    [
        [(34, pps(5))],
        [(34, *(pps(number) for number in range(1, 21)))],
        [(33, sps(3))],
        [(33, sps(3, layers=2))],
        [(32, vps(9))],
        [(32, vps(9)), (33, sps(1)), (34, pps(1, 1))],
    ],
)
def test_parameter_sets_that_no_slice_uses_go(arrays):
    written, planned = stripped(build([picture(config(*arrays))]))
    assert written == CLEAN
    assert "parameters that no picture uses" in planned.removed
    with pytest.raises(ResidueError, match="parameters that no picture uses"):
        check_used(config(*arrays), {0})


@pytest.mark.parametrize("above", [0, 3])
def test_of_two_sets_with_one_number_the_last_stays(above):
    first, other = CONFIG[23:], pps(0, above)
    body = CONFIG[:22] + bytes([CONFIG[22] + 1]) + struct.pack(">BHH", 0xA2, 1, len(other)) + other + first
    assert stripped(build([picture(body)]))[0] == CLEAN
    with pytest.raises(ResidueError):
        check_used(body, {0})


def test_both_readers_follow_the_same_numbers():
    for number in (0, 1, 2, 30, 63):
        for kind in (1, 19):
            slice_ = unit(kind, ("1" if kind == 1 else "10") + golomb(number), b"rest")
            assert parameters_of(slice_) == picture_set(slice_) == number
        body = config((33, sps(2, layers=3)), (34, pps(number + 1, 2)))
        check_used(used(body, {number + 1}), {number + 1})
        assert HIDDEN in used(body, {number + 1})


def test_a_picture_without_its_parameters_is_refused():
    with pytest.raises(UnreadablePhotoError, match="parameters are not there"):
        used(CONFIG, {7})
    with pytest.raises(ResidueError):
        check_used(CONFIG, {0, 7})
    for orphan in (
        config((34, pps(1, 5))),
        config((34, pps(1, 5)), (33, unit(33, f"{3:04b}0001" + "01" * 48 + golomb(5)))),
    ):
        with pytest.raises(UnreadablePhotoError, match="parameters are not there"):
            used(orphan, {1})
        with pytest.raises(ResidueError):
            check_used(orphan, {1})


def lengthened(unit_):
    return struct.pack(">I", len(unit_)) + unit_


def test_parameter_sets_behind_a_picture_go():
    data = BASE.data + lengthened(pps(1))
    assert stripped(build([picture(CONFIG, data)]))[0] == CLEAN
    place = CLEAN.index(b"mdat") + 4
    assert CLEAN[place:] == BASE.data
    with pytest.raises(ResidueError):
        scan(build([picture(CONFIG, data)]))


def test_parameter_sets_in_a_picture_that_its_item_has_already_go():
    inside = CONFIG[CONFIG.index(b"\x44\x01") :]
    assert stripped(build([picture(CONFIG, lengthened(inside) + BASE.data)]))[0] == CLEAN
    refused(build([picture(CONFIG, lengthened(pps(0)) + BASE.data)]), UnsupportedPhotoError, "of its own")


def test_a_second_picture_in_the_data_of_one_is_refused():
    second = coded("heic", turn=90).data
    refused(build([picture(CONFIG, BASE.data + second)]), UnsupportedPhotoError, "several pictures")
    headless = BASE.data[:6] + bytes([BASE.data[6] & 0x7F]) + BASE.data[7:]
    refused(build([picture(CONFIG, headless)]), UnsupportedPhotoError, "without its beginning")
    whole = stripped(build([picture(CONFIG, BASE.data + headless)]))[0]
    place = whole.index(b"mdat") + 4 + len(BASE.data) + 6
    with pytest.raises(ResidueError, match="several pictures"):
        scan(whole[:place] + bytes([whole[place] | 0x80]) + whole[place + 1 :])

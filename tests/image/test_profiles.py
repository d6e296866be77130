"""Profiles keep what colours are computed from, to the last bit, and nothing else."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from cloak.container import ColourSpace
from cloak.errors import UnsupportedPhotoError
from cloak.image.icc import BT2020, DISPLAY_P3, assemble, header
from cloak.image.profiles import BROKEN, DETAILS, PROFILE, canonical, effect, is_clean, tidy

from .dirty import profile as srgb
from .icc_profiles import P3_BY_ANOTHER_NAME, PROFILES, SECRET, WHITE, curv, mft2, profile

MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
MANY = settings(max_examples=50, deadline=None)


def converted(data, intent, flags):
    """Random colours by way of a profile, in 16-bit-exact arithmetic, as sRGB and as Lab."""
    mode = MODES[data[16:20]]
    channels = len(Image.new(mode, (1, 1)).getbands())
    numbers = np.random.default_rng(7).integers(0, 256, (64, 64, channels), np.uint8)
    image = Image.frombytes(mode, (64, 64), numbers.tobytes())
    source = ImageCms.ImageCmsProfile(io.BytesIO(data))
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.applyTransform(image, ImageCms.buildTransform(source, target, mode, "RGB", intent, flags)).tobytes()


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("intent", ImageCms.Intent)
@pytest.mark.parametrize("flags", [ImageCms.Flags.NONE, ImageCms.Flags.BLACKPOINTCOMPENSATION])
def test_colours_are_exactly_the_same(name, intent, flags):
    data = PROFILES[name]
    assert converted(canonical(data), intent, flags) == converted(data, intent, flags)


@pytest.mark.parametrize("name", ["ink, 16 bits", "ink, 8 bits", "tables with curves"])
def test_colours_are_exactly_the_same_on_the_way_to_the_device(name):
    results = []
    for data in (PROFILES[name], canonical(PROFILES[name])):
        mode = MODES[data[16:20]]
        target = ImageCms.ImageCmsProfile(io.BytesIO(data))
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        image = Image.frombytes("RGB", (64, 64), np.random.default_rng(7).bytes(64 * 64 * 3))
        results.append(ImageCms.applyTransform(image, ImageCms.buildTransform(source, target, "RGB", mode)).tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("name", PROFILES)
def test_nothing_that_identifies_is_left(name):
    tidied = tidy(PROFILES[name])
    assert (tidied.removed, tidied.kept) == ((DETAILS,), (PROFILE,))
    for secret in (SECRET, SECRET.decode().encode("utf-16-be"), b"APPL", b"appl", struct.pack(">H", 2024)):
        assert secret not in tidied.profile
    assert is_clean(tidied.profile)
    assert not is_clean(PROFILES[name])


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_that_we_wrote_stays_as_it_is(name):
    ours = canonical(PROFILES[name])
    assert tidy(ours).removed == ()
    assert canonical(ours) == ours


def test_two_makers_of_the_same_colours_give_the_same_bytes():
    other = PROFILES["grey"].replace(SECRET, b"somebody-9")
    assert other != PROFILES["grey"]
    assert canonical(other) == canonical(PROFILES["grey"])


def test_what_is_srgb_in_effect_is_left_out_and_display_p3_becomes_ours():
    assert (tidy(srgb()).profile, tidy(srgb()).removed) == (None, (PROFILE,))
    assert (tidy(P3_BY_ANOTHER_NAME).profile, tidy(P3_BY_ANOTHER_NAME).removed) == (DISPLAY_P3, (DETAILS,))
    assert (tidy(DISPLAY_P3).profile, tidy(DISPLAY_P3).removed) == (DISPLAY_P3, ())
    assert effect(BT2020) is None
    assert effect(DISPLAY_P3) is ColourSpace.DISPLAY_P3


def test_a_grey_profile_with_the_curve_of_srgb_is_left_out():
    curve = [
        round(65535 * (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4)) for x in np.linspace(0, 1, 1024)
    ]
    assert canonical(profile({b"wtpt": WHITE, b"kTRC": curv(*curve)}, space=b"GRAY", version=0x0210)) is None


def test_high_dynamic_range_is_not_taken_for_what_its_curves_say():
    tags = {b"cicp": b"cicp\0\0\0\0\x0c\x10\x00\x01"}
    start, count = 132, int.from_bytes(DISPLAY_P3[128:132], "big")
    for index in range(count):
        kind, offset, size = struct.unpack_from(">4sII", DISPLAY_P3, start + 12 * index)
        tags[kind] = DISPLAY_P3[offset : offset + size]
    kept = canonical(assemble(tags, header()))
    assert kept != DISPLAY_P3
    assert b"cicp\0\0\0\0\x0c\x10\x00\x01" in kept


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 128, b"x" * 500, srgb()[:90], srgb()[:200], DISPLAY_P3[:128]],
    ids=["empty", "zeros", "letters", "a part of sRGB's header", "a part of sRGB", "Display P3's header"],
)
def test_a_broken_profile_is_left_out_and_said_to_be_broken(data):
    assert (tidy(data).profile, tidy(data).removed) == (None, (BROKEN,))


def test_a_profile_for_other_inks_is_refused_rather_than_dropped():
    six = profile({b"wtpt": WHITE, b"A2B0": mft2(6, 3, 2)}, kind=b"prtr", space=b"6CLR", connection=b"Lab ")
    with pytest.raises(UnsupportedPhotoError, match="6CLR"):
        canonical(six)


def test_tables_that_would_be_lost_are_refused():
    unknown = b"D2B0"  # floating point, which readers prefer to the tables that we know
    tags = {b"wtpt": WHITE, b"A2B0": mft2(3, 3), b"D2B1": mpet(), unknown: mpet()}
    with pytest.raises(UnsupportedPhotoError, match="leave the profile out"):
        canonical(profile(tags, kind=b"scnr", connection=b"Lab ", version=0x0430))


def mpet():
    """A table of one matrix that halves everything."""
    matrix = [0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0, 0, 0]
    element = b"matf\0\0\0\0" + struct.pack(">HH12f", 3, 3, *matrix)
    return b"mpet\0\0\0\0" + struct.pack(">HHIII", 3, 3, 1, 24, len(element)) + element


@pytest.mark.parametrize("name", PROFILES)
@MANY
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(1, 255))
def test_a_changed_byte_outside_the_numbers_is_never_clean(name, place, value):
    ours = canonical(PROFILES[name])
    start = 132 + 12 * int.from_bytes(ours[128:132], "big")
    texts = start + sum(-(-int.from_bytes(ours[132 + 12 * index + 8 :][:4], "big") // 4) * 4 for index in range(2))
    outside = [*range(67), *range(68, texts)]
    changed = bytearray(ours)
    changed[outside[int(place * len(outside))]] ^= value
    assert not is_clean(bytes(changed))


@pytest.mark.parametrize("name", PROFILES)
@MANY
@given(share=st.floats(0, 1, exclude_max=True), tail=st.binary(min_size=1, max_size=9))
def test_more_or_fewer_bytes_are_never_clean(name, share, tail):
    ours = canonical(PROFILES[name])
    assert not is_clean(ours[: int(share * len(ours))])
    assert not is_clean(ours + tail)


@pytest.mark.parametrize("name", PROFILES)
@MANY
@given(place=st.floats(0, 1, exclude_max=True), value=st.binary(min_size=1, max_size=4))
def test_damaged_profiles_are_cleaned_dropped_or_refused(name, place, value):
    data = bytearray(PROFILES[name])
    start = int(place * min(len(data), 900))
    data[start : start + len(value)] = value
    try:
        written = canonical(bytes(data))
    except UnsupportedPhotoError:
        return
    assert written is None or is_clean(written)

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
from .icc_profiles import P3_BY_ANOTHER_NAME, PROFILES, SECRET, WHITE, curv, mft2, profile, xyz

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


def tags(data):
    """The tags of a profile, in their order."""
    entries = struct.iter_unpack(">4sII", data[132 : 132 + 12 * int.from_bytes(data[128:132], "big")])
    return {kind: data[offset : offset + size] for kind, offset, size in entries}


def with_tags(data, more):
    """The profile with more tags, behind its own or in the place of its own."""
    return assemble(tags(data) | more, data[:128])


HIDDEN = (SECRET * 5000)[:40_000]
TABLE = mft2(3, 3)
MATRIX_OF_NOTHING = TABLE[:4] + bytes(4) + bytes((4, 3, 3, 0)) + HIDDEN[:36] + mft2(4, 3)[48:]
RGB = PROFILES["gamma 2.2, version 2"]
UNUSED = {
    "the curve of grey among colours": (RGB, {b"kTRC": curv(*[0x5337] * 4000)}),
    "colours beside grey": (PROFILES["grey"], {b"rXYZ": xyz(0.5, 0.1, 0.2), b"gTRC": curv(0x0233)}),
    "colours beside inks": (PROFILES["ink, 8 bits"], {b"rXYZ": xyz(0.5, 0.1, 0.2), b"kTRC": curv(0x0233)}),
    "the way back for a display": (PROFILES["tables with curves"], {b"B2A0": TABLE, b"B2A1": TABLE}),
    "the ways back by other intents": (PROFILES["ink, 16 bits"], {b"B2A1": mft2(3, 4), b"B2A2": mft2(3, 4, 2)}),
    "one colour alone": (PROFILES["tables with curves"], {b"rXYZ": xyz(0.5, 0.1, 0.2)}),
    "a matrix for four inks": (PROFILES["ink, 16 bits"], {b"A2B0": MATRIX_OF_NOTHING}),
    "code points of inks": (PROFILES["ink, 16 bits"], {b"cicp": b"cicp\0\0\0\0GPS\0"}),
}


@pytest.mark.parametrize("name", UNUSED)
def test_numbers_that_say_nothing_of_how_a_photo_is_shown_are_left_out(name):
    data, more = UNUSED[name]
    ours = canonical(data)
    written = canonical(with_tags(data, more))
    assert written == ours
    assert not is_clean(with_tags(ours, more))


def test_the_way_to_inks_stays_only_where_it_says_how_dark_the_darkest_is():
    assert b"B2A0" in tags(canonical(PROFILES["ink, 16 bits"]))
    assert b"B2A0" not in tags(canonical(PROFILES["tables with curves"]))


def test_curves_longer_than_the_standard_allows_are_refused():
    curve = curv(*(round(65535 * (index / 4096) ** 1.9) for index in range(4097)))
    with pytest.raises(UnsupportedPhotoError, match="not in the standard"):
        canonical(with_tags(RGB, {b"rTRC": curve}))
    assert not is_clean(with_tags(canonical(RGB), {b"rTRC": curve}))


def test_tags_stand_in_one_order():
    ours = canonical(RGB)
    kinds = list(tags(ours))
    assert is_clean(ours)
    assert not is_clean(assemble({kind: tags(ours)[kind] for kind in [*kinds[:2], *kinds[:1:-1]]}, ours[:128]))


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

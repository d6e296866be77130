"""Colours mean the same before and after."""

import hashlib
import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from cloak.container import ColourSpace
from cloak.errors import UnsupportedPhotoError
from cloak.image import colour
from cloak.image.codec import decode, encode
from cloak.image.icc import BT2020, DISPLAY_P3, SRGB_PRIMARIES, matrix_profile
from cloak.image.strip.bare import strip

from .dirty import chunk, profile, scene

ADOBE_RGB = matrix_profile("wide", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), gamma=563 / 256)


def png(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def opened(data):
    return ImageCms.ImageCmsProfile(io.BytesIO(data))


def convert(image, source, target):
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.applyTransform(image, ImageCms.buildTransform(source, target, "RGB", "RGB", intent))


def test_the_canonical_profile_is_the_same_everywhere():
    digest = hashlib.sha256(DISPLAY_P3).hexdigest()
    assert digest == "80007b35bcd4d9007ff850d75cb9b4d3adce2d87c98d4f75f73fa4389961a0bc"
    assert DISPLAY_P3[24:36] == b"\0" * 12  # no date
    assert DISPLAY_P3[4:8] == DISPLAY_P3[48:56][:4] == DISPLAY_P3[80:84] == b"\0" * 4  # no maker of any kind


def test_littlecms_reads_the_canonical_profile_as_display_p3():
    srgb = ImageCms.createProfile("sRGB")
    corners = Image.fromarray(
        np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [90, 90, 90]]], np.uint8)
    )
    moved = np.asarray(convert(corners, srgb, opened(DISPLAY_P3)))[0].tolist()
    assert moved == [[234, 51, 35], [117, 251, 76], [0, 0, 245], [255, 255, 255], [90, 90, 90]]


@pytest.mark.parametrize("icc", [None, profile(), matrix_profile("mine", SRGB_PRIMARIES)])
def test_srgb_under_any_name_keeps_its_numbers(icc):
    photo = decode(png(Image.fromarray(scene()), icc_profile=icc))
    assert photo.space is ColourSpace.SRGB
    assert np.array_equal(photo.pixels.permute(1, 2, 0).numpy(), scene())


def test_display_p3_under_any_name_keeps_its_numbers_and_gets_the_canonical_profile():
    other = bytearray(DISPLAY_P3)
    other[24:36] = bytes(range(12))
    photo = decode(png(Image.fromarray(scene()), icc_profile=bytes(other)))
    assert photo.space is ColourSpace.DISPLAY_P3
    assert np.array_equal(photo.pixels.permute(1, 2, 0).numpy(), scene())
    assert Image.open(io.BytesIO(encode(strip(photo)))).info["icc_profile"] == DISPLAY_P3


@pytest.mark.parametrize("icc", [ADOBE_RGB, BT2020])
def test_wider_spaces_are_converted_and_look_the_same(icc):
    source = Image.fromarray(scene() // 2 + 60)
    stored = convert(source, ImageCms.createProfile("sRGB"), opened(icc))
    photo = decode(png(stored, icc_profile=icc))
    assert photo.space is ColourSpace.SRGB
    assert np.abs(photo.pixels.permute(1, 2, 0).numpy().astype(int) - np.asarray(source)).max() <= 3


@pytest.mark.parametrize("icc", [b"nonsense", DISPLAY_P3[:200], b"\0" * 500])
def test_a_broken_profile_is_taken_for_srgb_and_named(icc):
    photo = decode(png(Image.fromarray(scene()), icc_profile=icc))
    assert photo.space is ColourSpace.SRGB
    assert "colour profile that cannot be used" in photo.found
    assert np.array_equal(photo.pixels.permute(1, 2, 0).numpy(), scene())


def test_a_profile_for_another_kind_of_pixel_is_broken():
    image = Image.fromarray(scene()).convert("CMYK")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", icc_profile=ADOBE_RGB, quality=95)
    photo = decode(buffer.getvalue())
    assert "colour profile that cannot be used" in photo.found


def test_png_gamma_counts_as_a_profile():
    plain = png(Image.fromarray(scene()))
    linear = np.round(255 * (scene() / 255.0) ** 2.2).astype(np.uint8)
    data = png(Image.fromarray(linear))
    head = 8 + 25
    with_gamma = data[:head] + _gama(100_000) + data[head:]
    got, want = decode(with_gamma).pixels.float(), decode(plain).pixels.float()
    assert (got - want).abs().mean() < 2
    assert torch.equal(decode(plain[:head] + _gama(45_455) + plain[head:]).pixels, decode(plain).pixels)


def _gama(value):
    return chunk(b"gAMA", value.to_bytes(4, "big"))


def test_high_dynamic_range_is_refused_rather_than_washed_out():
    with pytest.raises(UnsupportedPhotoError, match="high dynamic range"):
        colour.profile_of(9, 16)

"""Photos go in dirty and come out clean, upright, in the right colours and about as large."""

import io
import json
import shutil
import struct
import subprocess
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps

from cloak.container import ENCODED, ColourSpace, Container, Encoding
from cloak.errors import UnsupportedPhotoError
from cloak.image.codec import decode, encode
from cloak.image.inspect import find
from cloak.image.quality import jpeg_quality, luma_table
from cloak.image.scan import scan
from cloak.image.strip.bare import strip
from cloak.photo import Photo

from .dirty import DIRTY, LOSSLESS, SECRET, jpeg, scene
from .isobmff_files import box, build, coded
from .tiff_files import HEIGHT, SHORT, WIDTH, page, tiff, values

FILM = box(b"ftyp", b"mp42\0\0\0\0mp42isom") + box(b"mdat", bytes(40)) + box(b"moov", bytes(40))
"""As phones write it: with the boxes of a film that is none of the file's own."""

EXIFTOOL = shutil.which("exiftool")


def planes(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def photo(pixels, container, **options):
    alpha = planes(pixels[..., 3:]) if pixels.shape[2] == 4 else None
    space = options.pop("space", ColourSpace.SRGB)
    encoding = Encoding(container=Container(container), **options)
    return Photo(pixels=planes(pixels[..., :3]), alpha=alpha, space=space, encoding=encoding)


def difference(first, second):
    return (first.float() - second.float()).abs().mean().item()


@pytest.mark.parametrize("container", DIRTY)
def test_a_dirty_photo_comes_out_clean_and_looks_the_same(container):
    data = DIRTY[container]()
    before = decode(data)
    assert SECRET in data
    assert before.found
    written = encode(strip(before))
    scan(written)
    assert SECRET not in written
    after = decode(written)
    assert after.found == ()
    assert after.encoding.container == before.encoding.container == container
    assert after.pixels.shape == before.pixels.shape == (3, 64, 96)
    assert difference(before.pixels, planes(scene())) < (0.01 if container in LOSSLESS else 3)
    assert difference(before.pixels, after.pixels) < (0.01 if container in LOSSLESS else 3)
    assert encode(strip(after), after.encoding) is not None  # clean again


@pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")
@pytest.mark.parametrize("container", DIRTY)
def test_exiftool_finds_nothing_but_structure_in_what_is_written(container, tmp_path):
    path = tmp_path / f"photo.{container}"
    path.write_bytes(encode(strip(decode(DIRTY[container]()))))
    told = subprocess.run([EXIFTOOL, "-j", "-a", "-G1", "-s", path], capture_output=True, check=True)
    tags = json.loads(told.stdout)[0]
    groups = {tag.split(":")[0] for tag in tags}
    structural = {"SourceFile", "ExifTool", "System", "File", "Composite", "JFIF", "PNG", "RIFF", "QuickTime", "Meta"}
    assert groups <= structural | ({"IFD0"} if container == "tiff" else set())
    assert not {"File:Comment", "ExifTool:Warning", "ExifTool:Error", "IFD0:Artist", "IFD0:Software"} & set(tags)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", ["jpeg", "png", "webp", "tiff", "avif", "heic"])
def test_all_eight_orientations_are_undone_exactly_once(container, orientation):
    before = decode(DIRTY[container](orientation))
    assert before.pixels.shape == (3, 64, 96)
    assert difference(before.pixels, planes(scene())) < 4
    after = decode(encode(strip(before)))
    assert difference(before.pixels, after.pixels) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_agrees_with_pillow(orientation):
    data = DIRTY["png"](orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert torch.equal(decode(data).pixels, planes(expected))


@pytest.mark.parametrize("container", ["png", "webp", "avif", "heic", "tiff"])
def test_alpha_is_kept_on_its_own(container):
    pixels = scene(alpha=True)
    quality = None if container in {"png", "tiff", "webp"} else 95
    after = decode(encode(strip(photo(pixels, container, quality=quality, subsampling="4:4:4"))))
    assert after.alpha is not None
    assert after.alpha.shape == (1, 64, 96)
    assert difference(after.alpha, planes(pixels[..., 3:])) < 2


def test_alpha_that_hides_nothing_is_dropped():
    opaque = np.dstack([scene(), np.full((64, 96), 255, np.uint8)])
    buffer = io.BytesIO()
    Image.fromarray(opaque).save(buffer, "PNG")
    assert decode(buffer.getvalue()).alpha is None


def test_jpeg_lays_see_through_pixels_on_white():
    pixels = np.zeros((32, 32, 4), np.uint8)
    after = decode(encode(strip(photo(pixels, "jpeg", quality=90))))
    assert after.pixels.min() == 255


@pytest.mark.parametrize("container", sorted(ENCODED))
@pytest.mark.parametrize("space", ColourSpace)
def test_the_same_photo_gives_the_same_bytes_and_keeps_its_colour_space(container, space):
    bare = strip(photo(scene(), container, quality=85, space=space))
    written = encode(bare)
    assert written == encode(bare)
    assert decode(written).space is space


@pytest.mark.parametrize("container", sorted(ENCODED))
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 1), (17, 5)])
def test_tiny_photos_survive(container, size):
    height, width = size
    bare = strip(photo(scene(width, height), container, quality=90))
    assert decode(encode(bare)).pixels.shape == (3, height, width)


@pytest.mark.parametrize("thing", [photo(scene(), "png"), None, b"", scene()])
def test_encode_takes_nothing_but_a_bare_photo(thing):
    with pytest.raises(TypeError, match="call strip first"):
        encode(thing)


@pytest.mark.parametrize(
    ("container", "width"), [("jpeg", 65_501), ("webp", 16_384), ("avif", 65_537), ("heic", 32_769)]
)
def test_too_wide_for_the_container_is_a_clear_error(container, width):
    with pytest.raises(UnsupportedPhotoError, match="choose another format"):
        encode(strip(photo(np.zeros((1, width, 3), np.uint8), container)))


def test_png_can_be_65_000_pixels_wide():
    written = encode(strip(photo(scene(65_000, 2), "png")))
    assert decode(written).pixels.shape == (3, 2, 65_000)


@pytest.mark.parametrize("quality", [1, 25, 50, 75, 90, 95, 100])
def test_jpeg_quality_is_read_from_the_tables(quality):
    assert jpeg_quality(luma_table(quality).tolist()) == quality
    assert decode(jpeg(scene(), quality=quality)).encoding.quality == quality


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_subsampling_and_progression_are_kept(subsampling, progressive):
    encoding = decode(jpeg(scene(), subsampling=subsampling, progressive=progressive)).encoding
    again = decode(
        encode(
            strip(
                photo(
                    scene(),
                    "jpeg",
                    **{"quality": 90, "subsampling": encoding.subsampling, "progressive": encoding.progressive},
                )
            )
        )
    ).encoding
    assert (encoding.subsampling, encoding.progressive) == (subsampling, progressive)
    assert (again.subsampling, again.progressive) == (subsampling, progressive)


@pytest.mark.parametrize("container", ["webp", "avif", "heic"])
@pytest.mark.parametrize("quality", [40, 70, 90])
def test_lossy_files_stay_in_their_size_class(container, quality):
    noise = np.random.default_rng(0).normal(0, 12, (384, 512, 1))
    pixels = np.clip(scene(512, 384) + noise, 0, 255).astype(np.uint8)
    first = encode(strip(photo(pixels, container, quality=quality)))
    second = encode(strip(decode(first)))
    assert 0.6 < len(second) / len(first) < 1.5


def test_lossless_webp_stays_lossless():
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "WEBP", lossless=True)
    before = decode(buffer.getvalue())
    assert before.encoding.quality is None
    assert torch.equal(decode(encode(strip(before))).pixels, before.pixels)


def test_few_colours_stay_a_palette_and_pixel_identical():
    pixels = (scene(200, 200, alpha=True) // 64 * 64).astype(np.uint8)
    written = encode(strip(photo(pixels, "png")))
    assert Image.open(io.BytesIO(written)).mode == "P"
    after = decode(written)
    assert torch.equal(after.pixels, planes(pixels[..., :3] * (pixels[..., 3:] > 0)))
    assert torch.equal(after.alpha, planes(pixels[..., 3:]))


def test_grey_stays_one_channel():
    grey = np.repeat(scene()[..., :1], 3, axis=2)
    written = encode(strip(photo(grey, "jpeg", quality=90)))
    assert Image.open(io.BytesIO(written)).mode == "L"
    assert decode(written).pixels.shape == (3, 64, 96)


def test_16_bits_become_8():
    deep = (np.arange(64 * 96, dtype=np.uint16).reshape(64, 96) * 10).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "PNG")
    expected = torch.from_numpy(np.round(deep / 257)).to(torch.uint8)
    assert torch.equal(decode(buffer.getvalue()).pixels[0], expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_every_kind_of_pixel_becomes_rgb(mode):
    buffer = io.BytesIO()
    source = Image.fromarray(scene()).convert("RGB")
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        source = ImageCms.applyTransform(
            source, ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
        )
    else:
        source = source.convert(mode)
    source.save(buffer, "TIFF")
    after = decode(buffer.getvalue())
    assert after.pixels.shape == (3, 64, 96)
    if mode in {"CMYK", "YCbCr", "LAB"}:
        assert difference(after.pixels, planes(scene())) < 6


@pytest.mark.parametrize("container", ["heic", "avif"])
@pytest.mark.parametrize("video", [b"", FILM])
def test_what_phones_put_behind_a_picture_does_not_keep_it_from_being_read(container, video):
    plain = build([coded(container)], brands=container.encode() + b"mif1miaf")
    longer = plain + video + b"\0\0\1\x0a" + bytes(4) + b"Image_UTC_Data1714557600123SEFT"
    assert torch.equal(decode(longer).pixels, decode(plain).pixels)
    assert "data after the end of the image" in find(longer)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_much_noise_and_all_its_colour_can_be_written(progressive):
    """It has more than a byte a pixel, which is what Pillow's buffer has for such files."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    options = {"quality": 94, "subsampling": "4:4:4", "progressive": progressive}
    assert len(encode(strip(photo(noise, "jpeg", **options)))) > noise[..., 0].size


def test_what_is_wholly_transparent_is_not_written():
    pixels = np.dstack([scene(40, 24), np.full((24, 40), 255, np.uint8)])
    pixels[:12, :, 3], pixels[12, :, 3] = 0, 1
    written = decode(encode(strip(photo(pixels, "png"))))
    assert not written.pixels[:, :12].any()
    assert torch.equal(written.pixels[:, 12:], planes(pixels[12:, :, :3]))


GREY = {"t258": values(SHORT, 16), "t277": values(SHORT, 1), "t262": values(SHORT, 1)}


@pytest.mark.parametrize(
    ("tags", "strips"),
    [
        ({**GREY, "t258": values(SHORT, 12)}, [bytes(WIDTH * HEIGHT * 3 // 2)]),
        ({**GREY, "t262": values(SHORT, 0)}, [bytes(WIDTH * HEIGHT * 2)]),
        ({"t258": values(SHORT, 16, 16, 16), "t284": values(SHORT, 2)}, [bytes(WIDTH * HEIGHT * 2)] * 3),
    ],
    ids=["12 bits", "white is 0", "planes of 16 bits"],
)
def test_a_tiff_that_would_be_shown_wrong_is_refused(tags, strips):
    with pytest.raises(UnsupportedPhotoError, match="of a rare kind"):
        decode(tiff((page(**tags), strips)))
    assert decode(tiff((page(**GREY), [bytes(WIDTH * HEIGHT * 2)]))).pixels.shape == (3, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("kind", "head"),
    [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0"), (b"zTXt", b"Raw profile type xmp\0\0"), (b"iCCP", b"p\0\0")],
)
def test_a_png_with_two_megabytes_of_text_or_profile_is_read(kind, head):
    data = DIRTY["png"]()
    payload = head + zlib.compress(b"x" * 2_000_000)
    added = struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
    assert torch.equal(decode(data[:33] + added + data[33:]).pixels, decode(data).pixels)

"""Whatever comes in ends as a photo or as a clear reason: no crash, no warning, no half a picture."""

import contextlib
import io
import struct
import threading
import warnings

import numpy as np
import pillow_heif
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cloak.container import Container
from cloak.errors import PhotoError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.codec import decode, encode
from cloak.image.inspect import find
from cloak.image.strip.bare import strip

from .dirty import DIRTY, chunk, dirty_jpeg, jpeg, scene
from .tiff_files import RGB, SHORT, page, tiff, values

FILES = {container: build() for container, build in DIRTY.items()}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (b"hello, world", "not an image"),
        (b"\0" * 1000, "not an image"),
        (b"\xff\xd8\xff", "truncated or damaged"),
        (b"\x89PNG\r\n\x1a\n", "truncated or damaged"),
        (b"RIFF\x04\0\0\0WEBP", "truncated or damaged"),
        (b"II*\0\0\0\0\0", "no image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "no still image"),
    ],
)
def test_what_is_no_image_is_unreadable(data, reason):
    with pytest.raises(UnreadablePhotoError, match=reason):
        decode(data)


@pytest.mark.parametrize(
    ("format_", "name"), [("GIF", "GIF"), ("BMP", "bitmap"), ("ICO", "icon"), ("JPEG2000", "JPEG 2000"), ("PDF", "PDF")]
)
def test_other_images_are_refused_by_name(format_, name):
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, format_)
    with pytest.raises(UnsupportedPhotoError, match=name):
        decode(buffer.getvalue())


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_animations_and_documents_are_refused_rather_than_flattened(format_):
    frames = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    buffer = io.BytesIO()
    frames[0].save(buffer, format_, save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(UnsupportedPhotoError, match=r"animation|pages"):
        decode(buffer.getvalue())


def test_a_heic_of_several_photos_is_refused():
    heif = pillow_heif.from_bytes("RGB", (96, 64), scene().tobytes())
    heif.add_frombytes("RGB", (96, 64), scene().tobytes())
    buffer = io.BytesIO()
    heif.save(buffer)
    with pytest.raises(UnsupportedPhotoError, match="2 photos"):
        decode(buffer.getvalue())


def test_a_multi_picture_jpeg_gives_its_main_picture():
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "MPO", save_all=True, append_images=[Image.fromarray(255 - scene())])
    photo = decode(buffer.getvalue())
    assert photo.encoding.container is Container.JPEG
    assert abs(photo.pixels.float().mean().item() - scene().mean()) < 2
    assert "further images (multi-picture file)" in photo.found


def test_the_main_picture_of_a_raw_file_is_not_its_preview():
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "TIFF", tiffinfo={254: 1})
    with pytest.raises(UnsupportedPhotoError, match="raw"):
        decode(buffer.getvalue())


@pytest.mark.parametrize("container", FILES)
def test_a_truncated_file_is_unreadable_at_every_length(container):
    data = FILES[container]
    whole = decode(data).pixels
    for percent in range(100):
        part = data[: len(data) * percent // 100]
        with contextlib.suppress(PhotoError):
            # Where it can be read, only what lies behind the picture was cut off.
            assert torch.equal(decode(part).pixels, whole)


@pytest.mark.parametrize("container", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_flipped_bits_end_as_a_photo_or_a_reason(container, data):
    damaged = bytearray(FILES[container])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    find(bytes(damaged))
    with contextlib.suppress(PhotoError):
        encode(strip(decode(bytes(damaged), max_pixels=1_000_000)))


@settings(max_examples=200, deadline=None)
@given(head=st.sampled_from([b"", *(data[:16] for data in FILES.values())]), tail=st.binary(max_size=300))
def test_random_bytes_end_with_a_reason(head, tail):
    find(head + tail)
    with pytest.raises(PhotoError):
        decode(head + tail)


def bomb(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", b"\x78\x9c\x63\0\0\0\1\0\1")
        + chunk(b"IEND", b"")
    )


def test_a_decompression_bomb_is_refused_from_its_header():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TooLargeError, match=r"60000 x 60000 .* limit of 200,000,000: .*--max-pixels"):
            decode(bomb(60_000))


@pytest.mark.parametrize("container", FILES)
def test_the_limit_holds_for_every_container_and_can_be_raised(container):
    with pytest.raises(TooLargeError, match=r"96 x 64|64 x 96"):
        decode(FILES[container], max_pixels=96 * 64 - 1)
    assert decode(FILES[container], max_pixels=96 * 64).width == 96


def test_cmyk_jpegs_are_read():
    buffer = io.BytesIO()
    Image.fromarray(scene()).convert("CMYK").save(buffer, "JPEG", quality=95)
    photo = decode(buffer.getvalue())
    assert (photo.pixels.permute(1, 2, 0).float() - torch.from_numpy(scene()).float()).abs().mean() < 6


def test_the_name_plays_no_part():
    assert decode(jpeg(scene())).encoding.container is Container.JPEG
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "PNG")
    assert decode(buffer.getvalue()).encoding.container is Container.PNG


def test_warnings_of_decoders_stay_inside_and_filters_come_back_with_many_threads():
    before = list(warnings.filters)
    failures = []

    def work():
        try:
            for _ in range(3):
                decode(dirty_jpeg())
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warnings.filters == before


def test_pixels_of_floating_point_are_refused():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.float32)).save(buffer, "TIFF")
    with pytest.raises(UnsupportedPhotoError, match="8 or 16 bits"):
        decode(buffer.getvalue())


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"t259": values(SHORT, 34712)}, r"coded in a way \(number 34712\) that the decoder does not know"),
        ({"t258": values(SHORT, 5, 5, 5)}, "3 samples of 5 bits, unsigned, colours: RGB"),
        ({"t262": values(SHORT, 99)}, "3 samples of 8 bits, unsigned, colours: number 99"),
        ({"t258": values(SHORT, 16, 16, 16), "t339": values(SHORT, 3, 3, 3)}, "16 bits, floating-point"),
    ],
)
def test_a_tiff_of_a_kind_that_is_not_decoded_is_not_called_damaged(tags, reason):
    with pytest.raises(UnsupportedPhotoError, match=reason):
        decode(tiff((page(**tags), [RGB])))


def test_a_tiff_that_needs_a_codec_which_is_not_there_says_so(monkeypatch):
    data = tiff((page(t259=values(SHORT, 50000)), [RGB]))
    with pytest.raises(UnreadablePhotoError, match="truncated or damaged"):
        decode(data)
    monkeypatch.setattr("cloak.image.tiff._is_built_in", lambda name: name != "zstd")
    with pytest.raises(UnsupportedPhotoError, match="coded with zstd, which the decoder here was built without"):
        decode(data)


def test_a_tiff_without_a_size_is_damaged():
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        decode(tiff((page(t257=None), [RGB])))

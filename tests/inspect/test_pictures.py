"""Pictures inside the file are compared with the one that is shown."""

import io
import struct

import pytest
from PIL import Image

from cloak.inspect import compare

from .photos import inserted, jpeg, look, painted, scene, told, with_thumbnail


def only(inspection):
    (picture,) = inspection.pictures
    return picture


def test_a_thumbnail_of_the_same_picture_is_found_alike(tmp_path):
    picture = only(look(tmp_path, with_thumbnail(scene(640, 480), scene(640, 480).resize((160, 120)))))
    assert not picture.differs
    assert picture.difference < 0.05
    assert picture.size == (160, 120)


def test_a_thumbnail_with_what_was_cropped_away_is_found_different(tmp_path):
    whole = scene(640, 480)
    inspection = look(tmp_path, with_thumbnail(whole.crop((250, 100, 570, 340)), whole.resize((160, 120))))
    assert only(inspection).differs
    assert told(inspection)["cropped", "thumbnail"] == "160 x 120 pixels, LOOKS DIFFERENT from the picture"


def test_a_face_that_was_painted_over_is_seen(tmp_path):
    whole = scene(640, 480)
    assert only(look(tmp_path, with_thumbnail(painted(whole, (260, 180, 360, 300)), whole.resize((160, 120))))).differs


def test_black_bars_do_not_count(tmp_path):
    whole = scene(640, 360)
    barred = Image.new("RGB", (160, 120))
    barred.paste(whole.resize((160, 90)), (0, 15))
    assert not only(look(tmp_path, with_thumbnail(whole, barred))).differs


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270])
def test_a_thumbnail_that_is_turned_is_the_same_picture(tmp_path, turn):
    whole = scene(640, 480)
    picture = only(look(tmp_path, with_thumbnail(whole, whole.resize((160, 120)).transpose(turn), orientation=6)))
    assert not picture.differs
    assert picture.turns == {2: 3, 3: 2, 4: 1}[int(turn)]


def test_brightness_and_compression_do_not_count():
    whole = scene(320, 240)
    assert compare.difference(whole, whole.point(lambda value: 40 + value // 2))[0] < 0.05


def test_what_cannot_be_decoded_is_told_all_the_same(tmp_path):
    data = with_thumbnail(scene(), scene())
    start = data.find(b"\xff\xd8\xff", 4)
    data = data[: start + 8] + bytes(200) + data[start + 208 :]
    assert "cannot be shown" in told(look(tmp_path, data))["cropped", "thumbnail"]


def test_pictures_and_films_behind_the_end_are_told(tmp_path):
    film = (
        b"\0\0\0\x18ftypmp42"
        + bytes(12)
        + b"\0\0\0\x6cmoov\0\0\0\x64mvhd"
        + bytes(4)
        + (3_800_000_000).to_bytes(4, "big")
    )
    data = jpeg() + jpeg(scene(seed=9)) + film + bytes(84)
    found = told(look(tmp_path, data))
    assert "1 further picture, a video" in found["travels", "data after the end of the picture"]
    assert found["when", "video made"].startswith("2024-")
    assert ("travels", "motion video") in found
    assert "LOOKS DIFFERENT" in found["cropped", "further picture"]


def test_what_a_thumbnail_says_itself_is_told(tmp_path):
    exif = Image.Exif()
    exif.update({0x0110: "Phone of Ada"})
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 4.0, 12.0), 3: "E", 4: (15.0, 26.0, 0.0)})
    resources = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 28 + len(jpeg(exif=exif))) + bytes(28) + jpeg(exif=exif)
    inspection = look(tmp_path, inserted(jpeg(), (0xED, b"Photoshop 3.0\0" + resources)))
    found = told(inspection)
    assert found["where", "position"].startswith("47.07")
    assert found["device", "camera or phone"] == "Phone of Ada"
    assert "looks like the picture" in found["cropped", "thumbnail"]


def test_a_thumbnail_that_is_cut_short_is_no_problem(tmp_path):
    resources = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 28 + 400) + bytes(28) + jpeg()[:400]
    assert not look(tmp_path, inserted(jpeg(), (0xED, b"Photoshop 3.0\0" + resources))).problem


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_a_crop_that_wrote_over_the_old_picture_left_is_told_as_such(tmp_path, kind):
    large, small = io.BytesIO(), io.BytesIO()
    scene(600, 400).save(large, kind)
    scene(100, 80).save(small, kind)
    data = small.getvalue() + large.getvalue()[len(small.getvalue()) :]
    assert "as a crop leaves it behind" in told(look(tmp_path, data))["travels", "data after the end of the picture"]

"""Where a photo was taken is told, and not more exactly than the file knows it."""

import pytest
from PIL import Image

from .photos import jpeg, look, told, xmp


def positioned(**more):
    exif = Image.Exif()
    gps = {
        1: "N",
        2: (51.0, 28.0, 40.12),
        3: "W",
        4: (0.0, 0.0, 5.31),
        **{int(tag): value for tag, value in more.items()},
    }
    exif.get_ifd(0x8825).update(gps)
    return jpeg(exif=exif)


def test_a_position_is_told_in_degrees_with_its_precision(tmp_path):
    assert told(look(tmp_path, positioned()))["where", "position"] == "51.47781° N, 0.00147° W (to about 3 m)"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"31": 4.7}, "to about 5 m"),
        ({"31": 65.0}, "to about 60 m"),
        ({"11": 4.0}, "to about 20 m"),
        ({"2": (51.0, 28.0, 0.0), "4": (0.0, 1.0, 0.0)}, "to about 2 km"),
        ({"2": (51.0, 28.5, 0.0), "4": (0.0, 0.1, 0.0)}, "to about 200 m"),
    ],
)
def test_the_precision_is_what_the_device_says_or_the_digits_hold(tmp_path, tags, words):
    assert words in told(look(tmp_path, positioned(**tags)))["where", "position"]


def test_altitude_direction_and_the_time_of_the_fix_are_told(tmp_path):
    found = told(
        look(tmp_path, positioned(**{"5": b"\1", "6": 12.4, "17": 225.0, "7": (9.0, 5.0, 7.0), "29": "2024:05:01"}))
    )
    assert found["where", "altitude"] == "12 m below sea level"
    assert found["where", "direction of the camera"] == "225° (south-west)"
    assert found["when", "position taken at"] == "2024-05-01 09:05:07 UTC"


def test_a_position_in_xmp_is_told_in_the_same_words(tmp_path):
    packet = xmp('exif:GPSLatitude="51,28.6687N" exif:GPSLongitude="0,0.0885W"')
    assert told(look(tmp_path, jpeg(xmp=packet)))["where", "position"] == "51.47781° N, 0.00147° W (to about 3 m)"


def test_nonsense_is_no_position(tmp_path):
    found = told(look(tmp_path, jpeg(xmp=xmp('exif:GPSLatitude="somewhere"'))))
    assert found["where", "position"] == "somewhere"

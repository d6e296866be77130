"""Entries that few files have are told, in people's words where there are any, else in those of the file."""

import struct

import pytest
from PIL import Image

from cloak.image.strip import plan
from cloak.image.strip.base import Memory

from .photos import inserted, jpeg, look, scene, told, xmp

DJI = 'xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"'
ADS = 'xmlns:Attrib="http://ns.attribution.com/ads/1.0/"'


def test_a_drone_tells_where_it_was_and_which_one_it_is(tmp_path):
    said = "drone-dji:GpsLatitude='+48.20849' drone-dji:GpsLongtitude='+16.37208' drone-dji:FlightYawDegree='+91.5' "
    said += "drone-dji:DroneModel='FC9113' drone-dji:UTCAtExposure='2024-05-01T10:00:00'"
    found = told(look(tmp_path, jpeg(xmp=xmp(f"{DJI} {said}"))))
    assert found["where", "position"].startswith("48.20849° N, 16.37208° E")
    assert found["where", "direction of the camera"] == "+91.5"
    assert found["device", "camera or phone"] == "FC9113"
    assert found["when", "created"] == "2024-05-01 10:00:00"


def test_ids_of_an_online_editor_are_told(tmp_path):
    found = told(look(tmp_path, jpeg(xmp=xmp(f"{ADS} Attrib:Created='2024-05-01' Attrib:ExtId='abc-1'"))))
    assert found["when", "created"] == "2024-05-01"
    assert found["travels", "ID of the document"] == "abc-1"


@pytest.mark.parametrize(
    ("said", "harm", "what"),
    [
        ("Iptc4xmpExt:PersonInImageName='Ada'", "who", "person in the picture"),
        ("Iptc4xmpExt:ExtDescrAccessibility='Ada'", "who", "caption"),
        ("dc:coverage='Ada'", "where", "place"),
        ("exif:RelatedSoundFile='Ada'", "name", "name of another file"),
        ("xmp:Creator='Ada'", "who", "artist"),
        ("xmp:SomethingNew='Ada'", "travels", "other XMP entry (SomethingNew)"),
    ],
)
def test_what_xmp_says_is_told(tmp_path, said, harm, what):
    assert told(look(tmp_path, jpeg(xmp=xmp(said))))[harm, what] == "Ada"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("exif:DateTimeOriginal", "taken"),
        ("exif:DateTimeDigitized", "digitised"),
        ("photoshop:DateCreated", "created"),
        ("exif:GPSTimeStamp", "position taken at"),
        ("xmp:ModifyDate", "changed"),
        ("xmp:DateSeen", "date (DateSeen)"),
    ],
)
def test_dates_in_xmp_are_told(tmp_path, name, what):
    found = told(look(tmp_path, jpeg(xmp=xmp(f"{name}='2024-05-01T12:34:56'"))))
    assert found == {("when", what): "2024-05-01 12:34:56"}


def test_of_numbers_in_xmp_that_mean_nothing_to_people_only_the_names_are_told(tmp_path):
    found = told(look(tmp_path, jpeg(xmp=xmp("xmp:Fine='1' xmp:Finer='0.5, -3' xmp:Finest='True'"))))
    assert found == {("travels", "other XMP entries"): "3: Fine, Finer, Finest"}


def test_texts_in_exif_that_only_one_maker_writes_are_told(tmp_path):
    exif = Image.Exif()
    exif.update({0x010F: "Xiaomi", 0x9999: '{"owner":"Ada"}', 0xC6D2: "Our house", 0x9AAA: bytes(range(200, 250))})
    exif.get_ifd(0x8769).update({0x9A00: "Xiaomi 13", 0xFEA0: "Bob"})
    found = told(look(tmp_path, jpeg(exif=exif)))
    assert found["travels", "other EXIF entry (0x9999)"] == '{"owner":"Ada"}'
    assert found["travels", "other EXIF entry (0xfea0)"] == "Bob"
    assert found["travels", "other EXIF entries"] == "0x9aaa"
    assert found["who", "title"] == "Our house"


def test_text_in_utf_8_as_exif_3_has_it_is_told(tmp_path):
    texts = ((0x010E, "Grüße"), (0x013B, "Ada"), (0xFEA0, "Bob"))
    table, heap = struct.pack("<H", len(texts)), b""
    for tag, text in texts:
        content = text.encode() + b"\0"
        place = (
            struct.pack("<I", 8 + 2 + 12 * len(texts) + 4 + len(heap)) if len(content) > 4 else content.ljust(4, b"\0")
        )
        heap += content if len(content) > 4 else b""
        table += struct.pack("<HHI", tag, 129, len(content)) + place
    data = inserted(jpeg(), (0xE1, b"Exif\0\0II*\0\x08\0\0\0" + table + bytes(4) + heap))
    found = told(look(tmp_path, data))
    assert (found["who", "caption"], found["who", "artist"]) == ("Grüße", "Ada")
    assert found["travels", "other EXIF entry (0xfea0)"] == "Bob"
    assert {"description or comment", "owner or artist"} <= set(plan(Memory(data)).removed)


@pytest.mark.parametrize(
    ("tag", "value", "what", "text"),
    [
        (0x1B, b"ASCII\0\0\0CELLID", "how it was found", "CELLID"),
        (0x1C, b"UNICODE\0" + "Graz".encode("utf-16-be"), "area", "Graz"),
        (0x12, "MGI", "map datum", "MGI"),
        (0x08, "07 12 31", "satellites", "07 12 31"),
    ],
)
def test_how_a_position_was_found_is_told(tmp_path, tag, value, what, text):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 4.0, 0.0), 3: "E", 4: (15.0, 26.0, 0.0), tag: value})
    assert told(look(tmp_path, jpeg(exif=exif)))["where", what] == text


def test_a_datum_that_is_everywhere_is_not_told(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 4.0, 0.0), 3: "E", 4: (15.0, 26.0, 0.0), 0x12: "WGS-84"})
    assert ("where", "map datum") not in told(look(tmp_path, jpeg(exif=exif)))


def test_a_preview_in_iptc_is_shown_and_unknown_texts_are_told(tmp_path):
    other = jpeg(scene(seed=9))
    entries = ((7, b"Ada's"), (10, b"5"), (60, b"000000+0000"), (202, other))
    records = b"".join(b"\x1c\2" + bytes([number]) + struct.pack(">H", len(value)) + value for number, value in entries)
    block = b"Photoshop 3.0\x008BIM\4\4\0\0" + struct.pack(">I", len(records)) + records
    inspection = look(tmp_path, inserted(jpeg(), (0xED, block)))
    found = told(inspection)
    assert found["travels", "other IPTC entry (2:7)"] == "Ada's"
    assert found["travels", "other IPTC entries"] == "1"
    assert ("travels", "other IPTC entry (2:60)") not in found
    assert "LOOKS DIFFERENT" in found["cropped", "preview"]

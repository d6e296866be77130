"""Entries that few files have are told, in people's words where there are any, else in those of the file."""

import pytest

from .photos import jpeg, look, told, xmp

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
        ("xmp:SomethingNew='Ada'", "travels", "other XMP entry (SomethingNew)"),
    ],
)
def test_what_xmp_says_is_told(tmp_path, said, harm, what):
    assert told(look(tmp_path, jpeg(xmp=xmp(said))))[harm, what] == "Ada"


def test_of_numbers_in_xmp_that_mean_nothing_to_people_only_the_names_are_told(tmp_path):
    found = told(look(tmp_path, jpeg(xmp=xmp("xmp:Fine='1' xmp:Finer='0.5, -3' xmp:Finest='True'"))))
    assert found == {("travels", "other XMP entries"): "3: Fine, Finer, Finest"}

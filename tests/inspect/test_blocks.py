"""EXIF, XMP, IPTC, Photoshop resources and content credentials are told in people's words, with values."""

import io
import json
import struct
import time

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from cloak.image.icc import DISPLAY_P3
from cloak.image.inspect import find
from cloak.image.strip import plan
from cloak.image.strip.base import Memory

from .photos import inserted, jpeg, look, scene, told, xmp


def test_exif_tells_when_with_what_and_who(tmp_path):
    exif = Image.Exif()
    exif.update(
        {
            0x010F: "Canon",
            0x0110: "Canon EOS R5",
            0x013B: "Ada",
            0x8298: "(c) Ada",
            0x9C9D: "Ada B.".encode("utf-16-le"),
        }
    )
    details = {
        0x9003: "2024:05:01 12:34:56",
        0x9291: "789",
        0x9011: "+02:00",
        0xA431: "B123",
        0xA435: "L456",
        0xA430: "Bob",
    }
    exif.get_ifd(0x8769).update({**details, 0x9286: b"UNICODE\0" + "Grüße".encode("utf-16-le")})
    found = told(look(tmp_path, jpeg(exif=exif)))
    assert found["when", "taken"] == "2024-05-01 12:34:56.789 +02:00"
    assert found["device", "camera or phone"] == "Canon EOS R5"
    assert found["device", "serial number of the camera"] == "B123"
    assert found["device", "serial number of the lens"] == "L456"
    assert (found["who", "artist"], found["who", "author"]) == ("Ada", "Ada B.")
    assert found["who", "owner of the camera"] == "Bob"
    assert ("who", "comment") in found


def test_xmp_tells_people_places_history_and_ids(tmp_path):
    body = (
        "<dc:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></dc:creator>"
        "<lr:hierarchicalSubject><rdf:Bag><rdf:li>People|Bob</rdf:li></rdf:Bag></lr:hierarchicalSubject>"
        "<mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:RegionList><rdf:Bag><rdf:li>"
        "<rdf:Description mwg-rs:Name='Carol' mwg-rs:Type='Face'/>"
        "</rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
        "<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag><rdf:li>"
        "<rdf:Description MPReg:PersonDisplayName='Dan'/>"
        "</rdf:li></rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>"
        "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Eve</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>"
        "<xmpMM:History><rdf:Seq>"
        "<rdf:li stEvt:action='saved' stEvt:when='2024-05-02T10:00:00Z' stEvt:softwareAgent='GIMP'/>"
        "</rdf:Seq></xmpMM:History>"
    )
    packet = xmp("photoshop:City='Graz' xmpMM:DocumentID='id-1' GCamera:MotionPhoto='1'", body)
    found = told(look(tmp_path, jpeg(xmp=packet)))
    assert found["who", "artist"] == "Ada"
    assert found["who", "keywords"] == "People|Bob"
    assert found["who", "tagged face"] == "Carol"
    assert {found["who", "person in the picture"]} <= {"Dan", "Eve"}
    assert found["where", "city"] == "Graz"
    assert found["travels", "edit history"] == "1 steps, GIMP"
    assert found["when", "edited"] == "2024-05-02 10:00:00Z"
    assert found["travels", "ID of the document"] == "id-1"
    assert found["travels", "motion photo"] == ""


def test_a_packet_with_entities_is_not_expanded(tmp_path):
    laughs = b"<!DOCTYPE x [" + b"".join(
        b'<!ENTITY l%d "%s">' % (number, b"&l%d;" % (number - 1) * 10 if number else b"ha" * 10) for number in range(10)
    )
    start = time.monotonic()
    inspection = look(tmp_path, jpeg(xmp=laughs + b"]>" + xmp("photoshop:City='Graz'", "<dc:title>&l9;</dc:title>")))
    assert time.monotonic() - start < 3
    assert told(inspection)["where", "city"] == "Graz"
    assert "document type" in inspection.problem


def test_a_damaged_packet_still_tells_what_it_says(tmp_path):
    packet = xmp("photoshop:City='Graz'")[:-20] + b"<broken"
    inspection = look(tmp_path, jpeg(xmp=packet))
    assert told(inspection)["where", "city"] == "Graz"
    assert "XMP block is damaged" in inspection.problem


def test_xmp_in_utf_16_is_read(tmp_path):
    packet = xmp("photoshop:City='Graz'").decode().encode("utf-16")
    data = inserted(jpeg(), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    assert told(look(tmp_path, data))["where", "city"] == "Graz"


def iptc(*entries):
    return b"".join(b"\x1c\2" + bytes([number]) + struct.pack(">H", len(value)) + value for number, value in entries)


def resource(kind, content):
    return b"8BIM" + struct.pack(">HHI", kind, 0, len(content)) + content + bytes(len(content) % 2)


def test_iptc_and_photoshop_resources_are_told(tmp_path):
    records = iptc((80, b"Ada"), (90, b"Graz"), (25, b"beach"), (55, b"20240501"), (60, b"123456+0200"))
    name = struct.pack(">I", 5) + "Ada_1".encode("utf-16-be")
    block = b"Photoshop 3.0\0" + resource(0x0404, records) + resource(0x041A, bytes(20) + name)
    block += resource(0x040C, bytes(28) + jpeg(scene(seed=9)))
    found = told(look(tmp_path, inserted(jpeg(), (0xED, block))))
    assert (found["who", "artist"], found["where", "city"], found["who", "keywords"]) == ("Ada", "Graz", "beach")
    assert found["when", "created"] == "2024-05-01 12:34:56 +0200"
    assert found["name", "name in Photoshop"] == "Ada_1"
    assert "LOOKS DIFFERENT" in found["cropped", "thumbnail"]


def test_photoshop_resources_in_several_segments_are_read_as_one(tmp_path):
    records = iptc((80, b"Ada"), *((120, b"x" * 900) for _ in range(3)), (90, b"Graz"))
    whole = resource(0x0404, records) + resource(0x040B, b"http://example.org/ada")
    parts = [(0xED, b"Photoshop 3.0\0" + whole[start : start + 1000]) for start in range(0, len(whole), 1000)]
    found = told(look(tmp_path, inserted(jpeg(), *parts)))
    assert (found["who", "artist"], found["where", "city"]) == ("Ada", "Graz")
    assert found["who", "contact"] == "http://example.org/ada"


@pytest.mark.parametrize("name", [b"MGK8BIM0000", b"MGKIPTC0000"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_iptc_that_imagemagick_puts_into_a_gif_is_told(tmp_path, name, wrapped):
    records = iptc((80, b"Ada"), (90, b"Graz"))
    content = resource(0x0404, records) if wrapped else records
    buffer = io.BytesIO()
    scene().quantize(4).save(buffer, "GIF")
    data = buffer.getvalue()
    start = data.index(b"\x2c", 13 + 3 * 4)
    block = b"\x21\xff\x0b" + name + bytes([len(content)]) + content + b"\0"
    assert told(look(tmp_path, data[:start] + block + data[start:]))["where", "city"] == "Graz"


def utf_16(text):
    return struct.pack(">I", len(text)) + text.encode("utf-16-be")


def test_comment_and_rights_that_photoshop_writes_for_the_web_are_told(tmp_path):
    texts = [(1, bytes(4)), (2, utf_16("at home")), (3, utf_16("Ada"))]
    block = b"Ducky" + b"".join(struct.pack(">HH", number, len(text)) + text for number, text in texts) + bytes(2)
    found = told(look(tmp_path, inserted(jpeg(), (0xEC, block))))
    assert (found["who", "comment"], found["who", "copyright"]) == ("at home", "Ada")
    assert ("travels", "data of an application (APP12)") in told(look(tmp_path, inserted(jpeg(), (0xEC, b"Ducky\0"))))


def gpmf(name, kind, content, size=1):
    return name + kind + struct.pack(">BH", size, len(content) // size) + content + bytes(-len(content) % 4)


def test_a_gopro_tells_its_serial_number(tmp_path):
    values = (
        gpmf(b"MINF", b"c", b"HERO9 Black")
        + gpmf(b"CASN", b"c", b"C3441324545786")
        + gpmf(b"MUID", b"L", b"12345678", 4)
    )
    block = b"GoPro\0" + gpmf(b"DEVC", b"\0", values)
    found = told(look(tmp_path, inserted(jpeg(), (0xE6, block))))
    assert found["device", "serial number of the camera"] == "C3441324545786"
    assert found["device", "camera or phone"] == "HERO9 Black"
    assert found["device", "unique image ID"] == b"12345678".hex()
    look(tmp_path, inserted(jpeg(), *((0xE6, block[:size]) for size in range(6, len(block)))))


def test_a_gain_map_is_told_by_its_marker(tmp_path):
    data = inserted(jpeg(), (0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"))
    assert ("travels", "gain map") in told(look(tmp_path, data))
    assert "gain map" in find(data)
    assert "gain map" in plan(Memory(data)).removed


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def test_content_credentials_tell_author_software_and_earlier_pictures(tmp_path):
    work = json.dumps({"author": [{"name": "Ada"}], "dateCreated": "2024-05-01"}).encode()
    claim = b"\xa1" + b"\x6fclaim_generator" + b"\x64GIMP"
    inner = box(b"jumd", bytes(17) + b"c2pa\0") + box(b"json", work) + box(b"cbor", claim)
    inner += box(b"jumb", box(b"jumd", bytes(17) + b"thumb\0") + box(b"bidb", jpeg(scene(seed=9))))
    whole = box(b"jumb", inner)
    half = len(whole) // 2
    segments = [(0xEB, b"JP\0\1" + struct.pack(">I", 1) + whole[:half])]
    segments.append((0xEB, b"JP\0\1" + struct.pack(">I", 2) + whole[:8] + whole[half:]))
    found = told(look(tmp_path, inserted(jpeg(), *segments)))
    assert found["who", "artist"] == "Ada"
    assert found["device", "software"] == "GIMP"
    assert ("travels", "content credentials (C2PA)") in found
    assert "LOOKS DIFFERENT" in found["cropped", "thumbnail"]


def test_a_profile_of_a_display_is_told_and_ours_is_not(tmp_path):
    own = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert told(look(tmp_path, jpeg(icc_profile=DISPLAY_P3))) == {}
    own[52:56] = b"X27q"
    place = own.find("sRGB built-in".encode("utf-16-be"))
    own[place : place + 26] = "Ada's display".encode("utf-16-be")
    found = told(look(tmp_path, jpeg(icc_profile=bytes(own))))
    assert found["travels", "colour profile"].startswith("Ada's display")
    assert found["device", "model in the colour profile"] == "X27q"


def test_text_of_png_is_told(tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ada")
    texts.add_text("Comment", "at home", zip=True)
    texts.add_itxt("XML:com.adobe.xmp", xmp("photoshop:City='Graz'").decode())
    texts.add_text("Raw profile type iptc", "\niptc\n   13\n" + iptc((25, b"beach")).hex(), zip=True)
    texts.add_text("Creation Time", "2024-05-01")
    scene().save(tmp_path / "a.png", pnginfo=texts)
    found = told(look(tmp_path, (tmp_path / "a.png").read_bytes()))
    assert (found["who", "artist"], found["who", "comment"], found["where", "city"]) == ("Ada", "at home", "Graz")
    assert (found["who", "keywords"], found["when", "created"]) == ("beach", "2024-05-01")


@pytest.mark.parametrize("maker", ["apple", "canon", "nikon"])
def test_serial_numbers_in_maker_notes_are_told(tmp_path, maker):
    def directory(order, tag, place, text):
        return struct.pack(f"{order}HHHII", 1, tag, 2, len(text) + 1, place) + bytes(4) + text + b"\0"

    text = b"SERIAL-77"
    note, make = {
        "apple": (b"Apple iOS\0\0\1MM" + directory(">", 0x2B, 14 + 18, text), "Apple"),
        "canon": (None, "Canon"),
        "nikon": (b"Nikon\0\2\x10\0\0II*\0\x08\0\0\0" + directory("<", 0x1D, 8 + 18, text), "NIKON"),
    }[maker]
    exif = Image.Exif()
    exif[0x010F] = make
    if note is None:  # Canon's offsets count from the start of the block: 8 bytes, two directories, the name
        main = struct.pack("<HHHII", 2, 0x010F, 2, 6, 56) + struct.pack("<HHII", 0x8769, 4, 1, 38) + bytes(4)
        inner = struct.pack("<HHHII", 1, 0x927C, 7, 28, 62) + bytes(4)
        block = b"II*\0\x08\0\0\0" + main + inner + b"Canon\0" + directory("<", 0x96, 62 + 18, text)
        data = jpeg(exif=b"Exif\0\0" + block)
    else:
        exif.get_ifd(0x8769)[0x927C] = note
        data = jpeg(exif=exif)
    found = told(look(tmp_path, data))
    assert "SERIAL-77" in found.values()
    assert ("device", "maker note") in found


def test_a_tag_that_is_there_twice_says_both(tmp_path):
    entries = struct.pack("<HHII", 0x013B, 2, 4, int.from_bytes(b"Ada\0", "little"))
    entries += struct.pack("<HHII", 0x013B, 2, 4, int.from_bytes(b"Bob\0", "little"))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    inspection = look(tmp_path, jpeg(exif=b"Exif\0\0" + block))
    assert [one.value for one in inspection.findings if one.what == "artist"] == ["Ada", "Bob"]


def test_exif_that_needs_two_segments_is_read_as_one(tmp_path):
    text = b"Ada" * 30_000
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x013B, 2, len(text), 26) + bytes(4) + text
    parts = [(0xE1, b"Exif\0\0" + block[start : start + 65_000]) for start in range(0, len(block), 65_000)]
    assert told(look(tmp_path, inserted(jpeg(), *parts)))["who", "artist"].startswith("AdaAda")


def test_a_jpeg_xl_tells_what_it_can_and_is_said_not_to_be_read(tmp_path):
    head = b"\0\0\0\x0cJXL \r\n\x87\n"
    inspection = look(tmp_path, head + box(b"xml ", xmp("photoshop:City='Graz'")))
    assert told(inspection)["where", "city"] == "Graz"
    assert inspection.container is None
    assert "JPEG XL" in inspection.problem

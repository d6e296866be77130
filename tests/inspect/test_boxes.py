"""What HEIC, AVIF and JPEG 2000 files hold in boxes, and what follows these, is told."""

import io
import struct
import zlib

import pytest

from ..image.dirty import SECRET, xmp  # noqa: TID252 -- the tests are no package that could be named
from ..image.isobmff_files import AV1_TEXT, SIGNED, Item, about, box, build, coded, like  # noqa: TID252
from .photos import look, scene, told

BEHIND = ("travels", "data after the end of the picture")
TAKEN = b"\0\0\1\x0a" + struct.pack("<I", 14) + b"Image_UTC_Data1714557600123"
SAMSUNG = TAKEN + b"SEFH" + struct.pack("<IIHHII", 106, 1, 0, 0x0A01, len(TAKEN), len(TAKEN)) + b"\x18\0\0\0SEFT"
FILM = box(b"ftyp", b"mp42\0\0\0\0mp42isom") + box(b"mdat", bytes(40))


@pytest.mark.parametrize(
    ("behind", "told_as"),
    [
        (FILM + SAMSUNG, ": a video, notes of a Samsung phone"),
        (SAMSUNG, ": notes of a Samsung phone"),
        (b"PK\3\4 a secret", ": a ZIP archive"),
        (b"just words", ""),
    ],
)
def test_what_follows_the_boxes_is_told(tmp_path, behind, told_as):
    found = told(look(tmp_path, build([coded()], after=behind)))
    assert found[BEHIND] == f"{len(behind):,} bytes{told_as}"
    assert found.get(("when", "taken")) == ("2024-05-01 10:00:00 UTC" if SAMSUNG in behind else None)


@pytest.mark.parametrize("cut", [30, 300])
def test_a_heic_that_is_cut_short_has_nothing_behind_it(tmp_path, cut):
    inspection = look(tmp_path, build([coded(), *about(1)])[:-cut])
    assert BEHIND not in told(inspection)
    assert "cut short" in inspection.problem


def test_what_a_samsung_phone_keeps_in_a_box_is_told(tmp_path):
    found = told(look(tmp_path, build([coded()], after=box(b"sefd", SAMSUNG))))
    assert found["when", "taken"] == "2024-05-01 10:00:00 UTC"
    assert ("travels", "notes of a Samsung phone") in found


def test_user_data_beside_the_pictures_is_told(tmp_path):
    place = b"+47.0707+015.4395/"
    data = build([coded()], after=box(b"udta", box(b"\xa9xyz", struct.pack(">HH", len(place), 0) + place)))
    assert told(look(tmp_path, data))["where", "position"].startswith("47.0707")


def test_xmp_that_was_deflated_is_read(tmp_path):
    kind = b"application/rdf+xml\0deflate\0"
    item = Item(b"mime", zlib.compress(xmp()), links={b"cdsc": [1]}, about=kind)
    assert ("who", "tagged face") in told(look(tmp_path, build([coded(), item])))


def test_properties_that_say_something_are_told(tmp_path):
    texts = [(b"udes", bytes(4) + b"en\0Ada\0at home\0cat\0", False), (b"altt", bytes(4) + b"Ada smiles\0en\0", False)]
    others = [(b"cmin", bytes(24), False), (b"zzzz", b"secret", False)]
    photo = coded()
    inspection = look(tmp_path, build([like(photo, properties=[*photo.properties, *texts, *others])]))
    captions = {one.value for one in inspection.findings if one.what == "caption"}
    assert captions == {"Ada, at home, cat", "Ada smiles"}
    assert {("device", "camera settings"), ("travels", "private property (zzzz)")} <= set(told(inspection))


@pytest.mark.parametrize("container", ["heic", "avif"])
def test_words_inside_the_coded_picture_are_told(tmp_path, container):
    photo = coded(container)
    message = AV1_TEXT if container == "avif" else struct.pack(">I", len(SIGNED)) + SIGNED
    data = build([like(photo, data=photo.data + message)], brands=container.encode() + b"mif1miaf")
    found = told(look(tmp_path, data))
    assert SECRET.decode() in found["travels", "messages of the encoder inside the picture"]


def test_a_thumbnail_that_is_linked_the_wrong_way_round_is_one(tmp_path):
    found = told(look(tmp_path, build([like(coded(), links={b"thmb": [2]}), coded(turn=90)])))
    assert "64 x 64" in found["cropped", "thumbnail"]
    assert ("cropped", "further picture") not in found


def test_a_plain_heic_has_no_private_properties(tmp_path):
    assert not told(look(tmp_path, build([coded()])))


def test_what_follows_a_jpeg_2000_is_told(tmp_path):
    buffer = io.BytesIO()
    scene().save(buffer, "JPEG2000")
    inspection = look(tmp_path, buffer.getvalue() + b"just words")
    assert told(inspection)[BEHIND] == "10 bytes"
    assert not inspection.problem

"""Every container is read, whatever is in it, as far as it can be followed; and names and attributes are told."""

import random
import time

import pytest

from cloak.image.strip import strip_bytes
from cloak.inspect import Harm, filename, inspect
from cloak.inspect.finding import Notes
from cloak.inspect.text import clean

from ..image.dirty import DIRTY, SECRET  # noqa: TID252 -- the tests are no package that could be named
from ..image.tiff_files import DETAILS, HALVES, LONG8, PLACE, RGB, TEXT_TAGS, page, tiff, values  # noqa: TID252
from .photos import jpeg, look, scene, told


def hostile(data):
    """Damaged copies of a file: cut off, bits flipped, sizes that lie."""
    draw = random.Random(5)  # noqa: S311 -- not for secrets
    for percent in range(0, 100, 4):
        yield data[: len(data) * percent // 100]
    for _ in range(60):
        copy = bytearray(data)
        for _ in range(draw.randrange(1, 6)):
            copy[draw.randrange(len(copy))] = draw.choice((0, 0xFF, 0x7F, draw.randrange(256)))
        yield bytes(copy)


@pytest.mark.parametrize("container", DIRTY)
def test_what_a_phone_writes_is_told_whatever_the_container(tmp_path, container):
    inspection = look(tmp_path, DIRTY[container]())
    assert inspection.container == container
    assert any(SECRET.decode() in finding.value for finding in inspection.findings)
    if container != "tiff":
        found = told(inspection)
        assert found["where", "position"].startswith("51.4778")
        assert found["when", "taken"] == "2026-05-01 12:00:00"
        assert found["device", "serial number of the camera"] == SECRET.decode()
        assert found["who", "tagged face"] == SECRET.decode()


@pytest.mark.parametrize("order", "<>")
def test_a_big_tiff_says_what_a_tiff_says(tmp_path, order):
    wide = page(t278=values(LONG8, 12)) | TEXT_TAGS
    pages = (wide, HALVES, {34665: DETAILS, 34853: PLACE}), (page(), [RGB])
    told_by = [look(tmp_path, tiff(*pages, order=order, big=big)).findings for big in (False, True)]
    assert told_by[0] == told_by[1]
    assert ("device", "serial number of the camera") in {(one.harm, one.what) for one in told_by[1]}
    assert "further page" in {one.what for one in told_by[1]}


def test_damaged_big_tiffs_end(tmp_path):
    for data in hostile(tiff((page() | TEXT_TAGS, [RGB], {34665: DETAILS}), big=True)):
        look(tmp_path, data)


@pytest.mark.parametrize("container", DIRTY)
def test_damaged_files_end_and_say_so(tmp_path, container):
    start = time.monotonic()
    for data in hostile(DIRTY[container]()):
        look(tmp_path, data)  # nothing is raised
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    "options", [{"format": "GIF"}, {"format": "BMP"}, {"format": "JPEG"}, {"format": "WEBP"}, {"format": "PNG"}]
)
def test_a_plain_file_has_nothing_to_tell(tmp_path, options):
    scene().convert("RGB").save(tmp_path / "x", **options)
    inspection = inspect(tmp_path / "x")
    assert (inspection.found, inspection.problem) == (False, "")
    assert [finding.what for finding in inspection.findings] == ["file last changed"]


def test_a_comment_of_a_gif_is_told(tmp_path):
    scene().convert("P").save(tmp_path / "a.gif", comment=b"from Ada")
    assert told(inspect(tmp_path / "a.gif"))["who", "comment"] == "from Ada"


def test_what_follows_the_picture_is_told(tmp_path):
    for kind in ("PNG", "WEBP", "BMP", "GIF"):
        scene().convert("RGB").save(tmp_path / "x", kind)
        found = told(look(tmp_path, (tmp_path / "x").read_bytes() + b"PK\3\4 secret"))
        assert "a ZIP archive" in found["travels", "data after the end of the picture"]


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8", b"8BPS\0\1"])
def test_what_is_no_photo_is_said_not_to_be_read(tmp_path, data):
    inspection = look(tmp_path, data)
    assert inspection.problem
    assert not inspection.findings or not inspection.found


def test_a_file_that_is_cut_short_is_said_to_be(tmp_path):
    assert "ends before its end marker" in look(tmp_path, jpeg()[:-20]).problem


def test_strict_tells_what_is_unknown(tmp_path):
    plain = look(tmp_path, jpeg(), strict=True)
    assert plain.found is ("not part of a clean file" in {one.what for one in plain.findings})
    found = told(look(tmp_path, jpeg() + b"xyz", strict=True))
    assert ("travels", "not part of a clean file") in found


def test_values_cannot_reach_the_terminal(tmp_path):
    found = told(look(tmp_path, jpeg(comment=b"\x1b[2J\x1b]0;gotcha\x07" + "\u202egnp".encode())))
    assert found["who", "comment"] == "\\x1b[2J\\x1b]0;gotcha\\x07\\u202egnp"
    assert len(clean("a" * 10_000)) < 700


@pytest.mark.parametrize(
    ("name", "what", "value"),
    [
        ("IMG_20240501_123456.jpg", "looks like a date", "2024-05-01 12:34:56"),
        ("PXL_20240501_123456789.jpg", "looks like a date", "2024-05-01 12:34:56"),
        ("IMG-20240501-WA0001.jpg", "looks like a date", "2024-05-01"),
        ("IMG-20240501-WA0001.jpg", "looks named by", "WhatsApp"),
        ("WhatsApp Image 2024-05-01 at 12.34.56.jpeg", "looks like a date", "2024-05-01 12:34:56"),
        ("photo_2024-05-01_12-34-56.jpg", "looks named by", "Telegram"),
        ("FB_IMG_1714567890123.jpg", "looks like a date", "2024-05-01 12:51:30 UTC"),
        ("IMG_1234.HEIC", "looks like the counter of a camera", "number 1234, iPhone or Canon camera"),
        ("DSCF0042.JPG", "looks like the counter of a camera", "number 0042, Fujifilm camera"),
        ("DSC_0042.JPG", "looks like the counter of a camera", "number 0042, Nikon or Sony camera"),
        ("IMG20240501123456.jpg", "looks like a date", "2024-05-01 12:34:56"),
        ("IMG20240501123456.jpg", "looks named by", "Android phone"),
        ("BURST20240501123456789.jpg", "looks like a date", "2024-05-01 12:34:56"),
        ("Bildschirmfoto 2024-05-01 um 12.34.56.png", "looks like a date", "2024-05-01 12:34:56"),
        ("Capture d'écran 2024-05-01 à 12.34.56.png", "looks like a date", "2024-05-01 12:34:56"),
        ("At the lake 01.05.2024.jpg", "looks like a date", "01.05.2024"),
        ("Photo 01.05.24, 12 34 56.jpg", "looks like a date", "01.05.24"),
        ("mmexport1714567890123.jpg", "looks named by", "WeChat"),
        ("IMG_1234 (1).HEIC", "looks like the counter of a camera", "number 1234, iPhone or Canon camera"),
        ("DSC_0042-Edit.jpg", "looks like the counter of a camera", "number 0042, Nikon or Sony camera"),
        ("+43 664 1234567.jpg", "looks like a telephone number", "+43 664 1234567"),
        (
            "image_01234567-89ab-cdef-0123-456789abcdef.jpg",
            "looks like an ID",
            "01234567-89ab-cdef-0123-456789abcdef",
        ),
        ("Screenshot_20240501 Ada's phone.png", "may be somebody's name", "Ada"),
        ("Ada_Lovelace_passport.jpg", "may be somebody's name", "Ada Lovelace"),
        ("Lovelace, Ada.jpg", "may be somebody's name", "Lovelace Ada"),
        ("ada@example.org.png", "looks like an e-mail address", "ada@example.org"),
        ("Ada Lovelace.jpg", "may be somebody's name", "Ada Lovelace"),
        ("Ada's birthday.jpg", "may be somebody's name", "Ada"),
    ],
)
def test_names_are_told_in_cautious_words(name, what, value):
    notes = Notes()
    filename.read(name, notes)
    assert (Harm.NAME, what, value) in {(one.harm, one.what, one.value) for one in notes.findings()}


@pytest.mark.parametrize(
    "name",
    ["photo.jpg", "a.png", "99999999.jpg", "New Image.jpg", "1234567890123456.jpg", "x" * 400, "1.2.3.jpg", "+12.jpg"],
)
def test_other_names_are_left_alone(name):
    notes = Notes()
    filename.read(name, notes)
    assert notes.findings() == ()


def test_pages_of_a_document_are_told_and_do_not_count_as_hidden(tmp_path):
    scene().save(tmp_path / "a.tiff", save_all=True, append_images=[scene(seed=9)])
    inspection = inspect(tmp_path / "a.tiff")
    assert ("further page", "160 x 120 pixels") in {(one.what, one.value) for one in inspection.findings}
    assert not inspection.found


@pytest.mark.parametrize("container", DIRTY)
def test_what_was_stripped_has_nothing_left_to_tell(tmp_path, container):
    inspection = look(tmp_path, strip_bytes(DIRTY[container]()), strict=True)
    assert (inspection.found, inspection.problem) == (False, "")

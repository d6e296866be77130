"""Notes of films and animations, crops, and bytes that nothing uses are told."""

import struct

import pytest
from PIL import Image

from ..image.dirty import exif  # noqa: TID252 -- the tests are no package that could be named
from ..image.isobmff_files import AVIF, Item, box, build, coded, full, like, meta  # noqa: TID252
from ..image.isobmff_films import film, pictures, track  # noqa: TID252
from .photos import inserted, jpeg, look, scene, told

EARTH = struct.pack(">ii", int(11.5 * 65536), int(-48.25 * 65536))


def value(content, kind=1):
    return box(b"data", struct.pack(">II", kind, 0), content)


def handler(kind):
    return full(b"hdlr", bytes(4) + kind + bytes(13))


def keyed(*pairs):
    """A list of values, and that of their names."""
    names = b"".join(struct.pack(">I4s", 8 + len(name), b"mdta") + name for name, _ in pairs)
    values = (box(struct.pack(">I", number), value(said)) for number, (_, said) in enumerate(pairs, 1))
    return full(b"keys", struct.pack(">I", len(pairs)), names), box(b"ilst", *values)


def animated(extra):
    return film(pictures(2), extra=extra)


def motion(extra):
    """A photo with a film behind it that holds boxes."""
    header = full(b"mvhd", bytes(96))
    return jpeg() + box(b"ftyp", b"isom", bytes(4)) + box(b"moov", header, box(b"udta", extra))


@pytest.mark.parametrize("where", [animated, motion])
@pytest.mark.parametrize("kind", [full, box])  # of ISO, and of QuickTime
def test_values_with_names_are_told(tmp_path, where, kind):
    apple = b"com.apple.quicktime."
    named = keyed(
        (apple + b"location.ISO6709", b"+48.1-011.5+519/"),
        (apple + b"creationdate", b"2024-05-05T10:11:12+0200"),
        (apple + b"make", b"Apple"),
        (b"title", b"At home"),
        (b"major_brand", b"isom"),
        (b"org.example.zzz", b"hello"),
    )
    found = told(look(tmp_path, where(kind(b"meta", handler(b"mdta"), *named))))
    assert found["where", "position"] == "48.10000, -11.50000"
    assert found["when", "video made"] == "2024-05-05T10:11:12+0200"
    assert (found["device", "camera or phone"], found["who", "title"]) == ("Apple", "At home")
    assert found["travels", "note of the video (org.example.zzz)"] == "hello"
    assert "isom" not in found.values()


@pytest.mark.parametrize("where", [animated, motion])
def test_values_with_codes_are_told(tmp_path, where):
    free = box(b"----", full(b"mean", b"x"), full(b"name", b"Diary"), value("für".encode("utf-16-be"), 2))
    listed = box(b"ilst", box(b"\xa9ART", value(b"Ada")), box(b"\xa9cmt", value(b"secret")), free)
    found = told(look(tmp_path, where(full(b"meta", handler(b"mdir"), listed))))
    assert (found["who", "artist"], found["who", "comment"]) == ("Ada", "secret")
    assert found["travels", "note of the video (Diary)"] == "für"


def test_user_data_of_3gpp_is_told(tmp_path):
    place = full(b"loci", bytes(2), b"Graz\0\0", EARTH, bytes(4), b"earth\0near the river\0")
    wide = full(b"loci", bytes(2), b"\xfe\xff" + "Wien".encode("utf-16-be") + bytes(3), EARTH, bytes(4))
    texts = [full(kind, b"\x15\xc7" + kind.upper()) for kind in (b"titl", b"perf", b"cprt", b"dscp")]
    found = look(tmp_path, motion(place + wide + b"".join(texts) + box(b"zzzz", b"x"))).findings
    said = {(one.what, one.value) for one in found}
    assert {
        ("position", "-48.25000, 11.50000"),
        ("place", "Graz"),
        ("place", "near the river"),
        ("place", "Wien"),
    } <= said
    assert {("title", "TITL"), ("artist", "PERF"), ("copyright", "CPRT"), ("caption", "DSCP")} <= said
    assert ("user data (zzzz)", "1 bytes") in said


def test_items_of_a_track_are_told(tmp_path):
    block = Item(b"Exif", bytes(4) + exif())
    items = pictures(2)

    def make(places, start=0):
        about = meta([block], [[(start, len(block.data))]])
        return [track(items[0], places, chunks=[2], times=[(2, 100)], head=about)]

    size = len(film(items, make=make))
    data = film(items, make=lambda places: make(places, size)) + block.data
    found = told(look(tmp_path, data))
    assert found["where", "position"].startswith("51.4778")
    assert found["when", "taken"] == "2026-05-01 12:00:00"


def test_damaged_notes_of_films_end(tmp_path):
    keys = full(b"keys", struct.pack(">I", 1 << 31), bytes(8))
    index = box(
        b"ilst", *(box(struct.pack(">I", number), value(b"x")) for number in (0, 9, 1 << 31)), box(b"abcd", b"1")
    )
    cut = [full(b"loci"), full(b"loci", b"\0\0Graz"), full(b"titl"), full(b"meta"), box(b"meta"), box(b"\xa9xyz")]
    deep = b""
    for _ in range(300):
        deep = box(b"udta", deep)
    many = b"".join(box(b"\xa9nam", b"\0\0\0\0A") for _ in range(5000))
    for extra in (full(b"meta", handler(b"mdta"), keys, index), *cut, deep, many):
        look(tmp_path, motion(extra))
        look(tmp_path, animated(extra))


def clap(*numbers):
    return b"clap", struct.pack(">8i", *numbers), True


def test_what_a_crop_hides_is_told(tmp_path):
    item = coded("avif", 128, 96)
    hides, pads = clap(100, 1, 80, 1, 5, 1, -4, 1), clap(127, 1, 95, 1, -1, 2, -1, 2)
    for crop, heard in ((hides, "pixels: 19 left, 9 right, 4 at the top, 12 at the bottom"), (pads, None)):
        still = build([like(item, properties=[*item.properties, crop])], brands=AVIF)
        entry = box(b"clap", crop[1])
        moving = film(
            [item],
            make=lambda places: [track(item, places, chunks=[1], times=[(1, 9)], entry=entry)],  # noqa: B023
        )
        for data in (still, moving):
            assert told(look(tmp_path, data)).get(("cropped", "what was cropped away")) == heard


UNUSED = ("travels", "bytes that nothing uses")


def test_bytes_that_nothing_uses_are_told_and_padding_is_not(tmp_path):
    for content, there in ((b"secret", True), (bytes(6), False)):
        tail = [box(kind, content) for kind in (b"free", b"skip", b"mdat")]
        for data in (build([coded()], gap=content), *(build([coded()], after=one) for one in tail)):
            assert (UNUSED in told(look(tmp_path, data))) == there


BETWEEN = ("travels", "bytes between the parts of the file")


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_bytes_between_header_and_pixels_of_a_bitmap_are_told(tmp_path, mode):
    scene().convert(mode).save(tmp_path / "a.bmp")
    data = (tmp_path / "a.bmp").read_bytes()
    start = int.from_bytes(data[10:14], "little")
    assert BETWEEN not in told(look(tmp_path, data))
    for content in (b"secret", bytes(6)):
        head = data[:2] + struct.pack("<I", len(data) + 6) + data[6:10] + struct.pack("<I", start + 6)
        found = told(look(tmp_path, head + data[14:start] + content + data[start:]))
        assert (BETWEEN in found) == any(content)


def test_bytes_between_the_segments_of_a_jpeg_are_told(tmp_path):
    data = jpeg()
    start = data.index(b"\xff\xda")
    for content in (b"secret", bytes(6), b"\xff" * 3):
        found = told(look(tmp_path, data[:start] + content + data[start:]))
        assert (BETWEEN in found) == (content == b"secret")


def test_exif_with_its_header_twice_is_read(tmp_path):
    block = Image.Exif()
    block[0x013B] = "Ada"
    twice = inserted(jpeg(), (0xE1, b"Exif\0\0" * 3 + block.tobytes().removeprefix(b"Exif\0\0")))
    assert told(look(tmp_path, twice))["who", "artist"] == "Ada"


def test_names_of_inks_are_told(tmp_path):
    scene().save(tmp_path / "a.tif", tiffinfo={333: "Ada's gold"})
    assert told(look(tmp_path, (tmp_path / "a.tif").read_bytes()))["travels", "names of the inks"] == "Ada's gold"


def test_xmp_inside_a_frame_of_a_webp_is_told(tmp_path):
    scene().save(tmp_path / "a.webp", save_all=True, append_images=[scene(seed=9)], quality=50)
    data = bytearray((tmp_path / "a.webp").read_bytes())
    start = data.index(b"ANMF")
    size = int.from_bytes(data[start + 4 : start + 8], "little")
    chunk = b"XMP \x04\0\0\0<x/>"
    data[start + 8 + size : start + 8 + size] = chunk
    struct.pack_into("<I", data, start + 4, size + len(chunk))
    struct.pack_into("<I", data, 4, len(data) - 8)
    plain = look(tmp_path, (tmp_path / "a.webp").read_bytes())
    inside = look(tmp_path, bytes(data))
    assert not plain.found
    assert inside.found or inside.problem

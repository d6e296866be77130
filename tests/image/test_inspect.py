"""What a file carries is named, and what it says is not."""

import pytest

from cloak.image.inspect import find

from .dirty import DIRTY, SECRET, dirty_heic, dirty_jpeg, dirty_png, dirty_tiff, jpeg, scene, segment

PHONE = {
    "GPS position",
    "date and time",
    "camera make and model",
    "serial number",
    "maker note",
    "thumbnail",
    "owner or artist",
    "copyright",
    "description or comment",
    "unique image ID",
    "colour profile",
    "XMP",
    "names of people or face regions",
}


@pytest.mark.parametrize("container", ["jpeg", "png", "webp", "avif", "heic"])
def test_all_that_a_phone_writes_is_named(container):
    # Pillow lays the EXIF block of an AVIF out anew and leaves the thumbnail behind.
    assert set(find(DIRTY[container]())) >= PHONE - ({"thumbnail"} if container == "avif" else set())


def test_what_only_one_container_holds_is_named():
    assert {"IPTC", "Photoshop resources", "content credentials (C2PA)", "application data (APP5)"} <= set(
        find(dirty_jpeg())
    )
    assert {"motion photo", "data after the end of the image"} <= set(find(dirty_jpeg()))
    assert {"text", "private chunk (prVt)", "resolution", "data after the end of the image"} <= set(find(dirty_png()))
    assert {"motion photo", "thumbnail"} <= set(find(dirty_heic()))
    assert {"owner or artist", "XMP", "IPTC", "copyright", "software"} <= set(find(dirty_tiff()))


@pytest.mark.parametrize("container", DIRTY)
def test_names_never_hold_values(container):
    names = find(DIRTY[container]())
    assert list(names) == sorted(set(names), key=str.casefold)
    assert not any(SECRET.decode() in name or "2026" in name for name in names)


def test_a_plain_file_has_nothing_to_name():
    assert find(jpeg(scene())) == ()
    assert find(b"") == find(b"hello") == ()


def test_a_directory_that_points_at_itself_ends():
    loop = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" + b"\x08\0\0\0"
    plain = jpeg(scene())
    assert "camera settings" not in find(plain[:2] + segment(0xE1, b"Exif\0\0" + loop) + plain[2:])

"""Files that say which way is up where browsers do not look: the new file says it in EXIF, and that is said."""

import io
import zlib

import pytest
from PIL import Image, PngImagePlugin

from cloak.image.strip.base import TURNED_BY_EXIF, Keep

from .contract import stripped
from .dirty import chunk, exif, scene
from .png_files import PLAIN, inserted

PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><x tiff:Orientation="%d"/></x:xmpmeta>'


def saved(container, way, **options):
    """A picture that says in XMP which way is up."""
    packet, buffer = PACKET % way, io.BytesIO()
    if container == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    else:
        options["xmp"] = packet
    Image.fromarray(scene()).save(buffer, container, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
def test_that_browsers_turn_it_now_is_said(container):
    written, planned = stripped(saved(container, 6))
    assert planned.notes == (TURNED_BY_EXIF,)
    with Image.open(io.BytesIO(written)) as image:
        assert image.getexif()[0x0112] == 6
    assert stripped(written)[1].notes == ()


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
def test_where_nothing_changes_nothing_is_said(container):
    assert stripped(saved(container, 1))[1].notes == ()
    assert stripped(saved(container, 6, exif=b"Exif\0\0" + exif(3)))[1].notes == ()
    assert stripped(saved(container, 6), Keep(orientation=False))[1].notes == ()
    assert "orientation" in stripped(saved(container, 6), Keep(orientation=False))[1].removed


def test_it_is_said_of_exif_that_a_png_has_as_text():
    digits = (b"Exif\0\0" + exif(6)).hex().encode()
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n  99\n" + digits))
    assert stripped(inserted(PLAIN, raw))[1].notes == (TURNED_BY_EXIF,)

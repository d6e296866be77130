"""HEIC and AVIF: a crop that hides a part of the picture is refused and said; turns stay, of stills and of frames."""

import io
import struct

import pillow_heif
import pytest
from PIL import Image

from cloak.errors import ResidueError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.codec import decode
from cloak.image.scan import scan
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.isobmff import plan

from .contract import frames, stripped
from .dirty import scene
from .isobmff_files import AVIF, box, build, coded, like, refused
from .isobmff_films import film, pictures, track


def clap(width, height, right=0, down=0, unit=2):
    """A crop: the size of what is shown, and how far its centre is moved, in parts of a pixel."""
    return (b"clap", struct.pack(">8i", width, 1, height, 1, right, unit, down, unit), True)


def cropped(container, *properties):
    item = coded(container, 128, 96)
    brands = AVIF if container == "avif" else b"heicmif1miaf"
    return build([like(item, properties=[*item.properties, *properties])], brands=brands)


@pytest.mark.parametrize("container", ["heic", "avif"])
@pytest.mark.parametrize(
    ("crop", "told"),
    [
        ((126, 96, -2), "right 2"),
        ((126, 96, 2), "left 2"),
        ((128, 94, 0, -2), "bottom 2"),
        ((128, 94, 0, 2), "top 2"),
        ((40, 30, 10, -6), "left 49, right 39, top 30, bottom 36"),
    ],
)
def test_a_crop_that_hides_something_is_refused_and_said(container, crop, told):
    data = cropped(container, clap(*crop))
    refused(data, UnsupportedPhotoError, f"hidden .pixels: {told}.: ")
    with pytest.raises(ResidueError, match="hides"):
        scan(data)
    for turn in (b"\1", b"\2"):  # which comes first, so width and height change places
        turned_first = cropped(container, (b"irot", turn, True), clap(*crop))
        refused(turned_first, UnsupportedPhotoError, "hidden")
        with pytest.raises(ResidueError, match="hides"):
            scan(turned_first)


def test_only_what_helps_is_recommended_for_a_hidden_crop():
    refused(cropped("heic", clap(40, 30)), UnsupportedPhotoError, "--reencode")
    with pytest.raises(UnsupportedPhotoError) as caught:
        plan(Memory(cropped("avif", clap(40, 30))), Keep())
    assert "reencode" not in str(caught.value)
    assert decode(cropped("heic", clap(40, 30))).pixels.shape[-2:] == (30, 40)  # what encoding anew starts from


@pytest.mark.parametrize("crop", [(128, 96), (127, 95, -1, -1), (127, 95, 1, 1), (126, 94)])
def test_a_crop_by_what_encoders_pad_stays(crop):
    data = cropped("heic", clap(*crop))
    written, planned = stripped(data)
    scan(written)
    assert planned.removed == ()
    assert written.count(b"clap") == 1
    assert frames(written) == frames(data)


@pytest.mark.parametrize("size", [(1, 1), (33, 70), (63, 61), (65, 67)])
def test_pictures_that_their_encoder_filled_up_stay(size):
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(scene(*size))).save(buffer, quality=80)
    data = buffer.getvalue()
    written, _ = stripped(data)
    scan(written)
    assert frames(written) == frames(data)


@pytest.mark.parametrize("body", [b"", struct.pack(">8i", 40, 0, 30, 1, 0, 1, 0, 1), struct.pack(">8i", *[-1, 1] * 4)])
def test_a_crop_that_makes_no_sense_is_refused(body):
    data = cropped("heic", (b"clap", body, True))
    refused(data, UnreadablePhotoError)
    with pytest.raises(ResidueError):
        scan(data)


def shaped(*boxes, container="avif"):
    """A film whose sample entry holds further boxes."""
    items = pictures(2, container)
    entry = b"".join(boxes)
    return film(items, make=lambda places: [track(items[0], places, chunks=[2], times=[(2, 100)], entry=entry)])


def test_a_turn_in_a_sample_entry_stays_where_the_way_up_is_kept():
    turn, mirror = box(b"irot", b"\xfd"), box(b"imir", b"\xff")
    written, planned = stripped(shaped(turn, mirror))
    scan(written)
    assert planned.kept == ("orientation",)
    assert written.count(box(b"irot", b"\1")) == written.count(box(b"imir", b"\1")) == 1
    without, planned = stripped(shaped(turn, mirror), Keep(orientation=False))
    assert planned.kept == ()
    assert without == stripped(shaped())[0]


@pytest.mark.parametrize("bad", [(b"irot", b"\4"), (b"irot", b"\1\0"), (b"imir", b"\2"), (b"imir", b"")])
def test_a_turn_with_more_in_it_than_a_turn_is_refused_by_the_second_reader(bad):
    clean = stripped(shaped(box(bad[0], b"\1")))[0]
    scan(clean)
    with pytest.raises(ResidueError):
        scan(shaped(box(*bad)))
    start = clean.index(bad[0])
    if len(bad[1]) == 1:
        with pytest.raises(ResidueError, match=bad[0].decode()):
            scan(clean[: start + 4] + bad[1] + clean[start + 5 :])


@pytest.mark.parametrize("container", ["avif", "heic"])
def test_a_crop_of_frames_that_hides_something_is_refused(container):
    hiding = box(b"clap", struct.pack(">8i", 40, 1, 64, 1, 0, 1, 0, 1))
    refused(shaped(hiding, container=container), UnsupportedPhotoError, "hidden .pixels: left 12, right 12.: export")
    padding = box(b"clap", struct.pack(">8i", 63, 1, 62, 1, 1, 2, 0, 1))
    written, _ = stripped(shaped(padding, container=container))
    scan(written)
    with pytest.raises(ResidueError, match="hides"):
        scan(written.replace(padding, hiding))

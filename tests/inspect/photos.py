"""Photos that say something about somebody, built from bytes and by Pillow."""

import io
import struct

import numpy as np
from PIL import Image, ImageDraw

from cloak.inspect import inspect

RDF = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</rdf:RDF></x:xmpmeta>'
SPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/" '
    'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" '
    'xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
)


def xmp(attributes="", body=""):
    """An XMP packet."""
    return RDF.format(f"<rdf:Description {SPACES} {attributes}>{body}</rdf:Description>").encode()


def scene(width=160, height=120, seed=3):
    """A picture with structure at every scale, the same for the same seed."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def jpeg(image=None, **options):
    """A JPEG file."""
    buffer = io.BytesIO()
    (image or scene()).save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()


def with_thumbnail(picture, thumbnail, orientation=1):
    """A JPEG whose EXIF block holds a thumbnail."""
    small = jpeg(thumbnail)
    first = struct.pack("<HHHIHxx", 1, 0x0112, 3, 1, orientation) + struct.pack("<I", 26)
    second = struct.pack("<HHHII", 2, 0x0201, 4, 1, 56) + struct.pack("<HHII", 0x0202, 4, 1, len(small)) + bytes(4)
    block = b"II*\0\x08\0\0\0" + first + second + small
    return jpeg(picture, exif=b"Exif\0\0" + block)


def painted(image, box):
    """The picture with a part painted over."""
    copy = image.copy()
    ImageDraw.Draw(copy).rectangle(box, fill=(0, 0, 0))
    return copy


def inserted(data, *segments):
    """A JPEG with further segments, each (marker, content), after its start marker."""
    extra = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return data[:2] + extra + data[2:]


def look(folder, data, name="photo.bin", **options):
    """Inspect bytes as a file."""
    path = folder / name
    path.write_bytes(data)
    return inspect(path, **options)


def told(inspection):
    """What was found, as {(harm, what): value}; the time of change left out."""
    return {(one.harm.value, one.what): one.value for one in inspection.findings if one.counts}

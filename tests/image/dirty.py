"""Photos as phones and editors write them, built from bytes: everything that must not come out again.

Every text value holds `SECRET`, so that a test can look for it in what was written.
"""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

SECRET = b"Xq7-Secret"
_TEXT, _SHORT, _LONG, _RATIONAL, _BYTES = 2, 3, 4, 5, 7


def scene(width=96, height=64, *, alpha=False):
    """A smooth, colourful picture without symmetry, uint8 (H, W, 3 or 4)."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    planes = [120 + 100 * np.sin(5 * x + 2 * y), 40 + 200 * y * (1 - x / 2), 200 - 150 * x]
    if alpha:
        planes.append(255 * (x + y) / (x + y).max())
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def turned(pixels, orientation):
    """What a camera held that way stores: the inverse of what a viewer does for this EXIF orientation."""
    swap = orientation >= 5
    flips = {2: "h", 3: "vh", 4: "v", 6: "h", 7: "vh", 8: "v"}.get(orientation, "")
    pixels = pixels[::-1] if "v" in flips else pixels
    pixels = pixels[:, ::-1] if "h" in flips else pixels
    return np.ascontiguousarray(pixels.transpose(1, 0, 2) if swap else pixels)


def jpeg(pixels, **options):
    """A plain JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **{"quality": 88, "subsampling": "4:4:4", **options})
    return buffer.getvalue()


def exif(orientation=1, *, thumbnail=True):
    """A TIFF block as a phone writes it: device, owner, dates, maker note, GPS, thumbnail of something else."""
    picture = jpeg(np.full((48, 64, 3), 200, np.uint8)) if thumbnail else b""
    gps = [
        (1, _TEXT, b"N\0"),
        (2, _RATIONAL, struct.pack("<6I", 51, 1, 28, 1, 40, 1)),
        (3, _TEXT, b"W\0"),
        (4, _RATIONAL, struct.pack("<6I", 0, 1, 0, 1, 5, 1)),
        (29, _TEXT, b"2026:05:01\0"),
    ]
    details = [
        (0x9003, _TEXT, b"2026:05:01 12:00:00\0"),
        (0x927C, _BYTES, b"Apple iOS\0\0\1MM" + SECRET),
        (0x9286, _BYTES, b"ASCII\0\0\0" + SECRET),
        (0xA420, _TEXT, SECRET + b"\0"),
        (0xA430, _TEXT, SECRET + b"\0"),
        (0xA431, _TEXT, SECRET + b"\0"),
    ]
    main = [
        (0x010E, _TEXT, SECRET + b"\0"),
        (0x010F, _TEXT, SECRET + b"\0"),
        (0x0110, _TEXT, SECRET + b"\0"),
        (0x0112, _SHORT, struct.pack("<H", orientation)),
        (0x0132, _TEXT, b"2026:05:01 12:00:00\0"),
        (0x013B, _TEXT, SECRET + b"\0"),
        (0x8298, _TEXT, SECRET + b"\0"),
    ]
    return tiff_block(main, details, gps, picture)


def tiff_block(main, details, gps, thumbnail):
    """Lay out IFD0 with its EXIF and GPS directories, and IFD1 with a thumbnail."""
    size = 8 + _size([*main, (0, 0, b"1234"), (0, 0, b"1234")])
    offset_details, size = size, size + _size(details)
    offset_gps, size = size, size + _size(gps)
    main = [*main, (0x8769, _LONG, struct.pack("<I", offset_details)), (0x8825, _LONG, struct.pack("<I", offset_gps))]
    last = b""
    if thumbnail:
        small = [(0x0201, _LONG, b"\0" * 4), (0x0202, _LONG, struct.pack("<I", len(thumbnail)))]
        small[0] = (0x0201, _LONG, struct.pack("<I", size + _size(small)))
        last = _directory(small, size) + thumbnail
    blocks = [_directory(main, 8, size if thumbnail else 0), _directory(details, offset_details)]
    return b"II*\0\x08\0\0\0" + b"".join(blocks) + _directory(gps, offset_gps) + last


def _size(entries):
    return 6 + 12 * len(entries) + sum(len(value) + len(value) % 2 for _, _, value in entries if len(value) > 4)


def _directory(entries, offset, following=0):
    entries = sorted(entries)
    heap = offset + 6 + 12 * len(entries)
    table, body = struct.pack("<H", len(entries)), b""
    widths = {_TEXT: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8, _BYTES: 1}
    for tag, kind, value in entries:
        table += struct.pack("<HHI", tag, kind, len(value) // widths[kind])
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack("<I", heap + len(body))
            body += value + b"\0" * (len(value) % 2)
    return table + struct.pack("<I", following) + body


def xmp():
    """An XMP packet that names a face."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
        b'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmpMM:DocumentID="' + SECRET + b'">'
        b"<mwg-rs:Regions><mwg-rs:Name>" + SECRET + b"</mwg-rs:Name></mwg-rs:Regions>"
        b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def iptc():
    """Photoshop resources with an IPTC by-line."""
    record = b"\x1c\x02\x50" + struct.pack(">H", len(SECRET)) + SECRET
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0" * (len(record) % 2)
    return b"Photoshop 3.0\0" + resource


def profile():
    """A display's own profile: sRGB in effect, but with a name and a date of its own."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def segment(marker, payload):
    """One JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def chunk(kind, payload):
    """One PNG chunk."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def dirty_jpeg(orientation=1, pixels=None):
    """A JPEG straight from a phone, with a motion video behind the picture."""
    pixels = scene() if pixels is None else pixels
    plain = jpeg(turned(pixels, orientation), icc_profile=profile(), comment=SECRET)
    extra = segment(0xE1, b"Exif\0\0" + exif(orientation)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp())
    extra += segment(0xED, iptc()) + segment(0xE5, SECRET) + segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumbc2pa" + SECRET)
    return plain[:2] + extra + plain[2:] + b"\0\0\0\x18ftypmp42" + SECRET


def dirty_png(orientation=1, pixels=None):
    """A PNG with every kind of text, EXIF, a private chunk, and the rest of an uncropped picture behind it."""
    pixels = scene() if pixels is None else pixels
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", SECRET.decode())
    texts.add_text("Comment", SECRET.decode(), zip=True)
    texts.add_itxt("XML:com.adobe.xmp", xmp().decode())
    texts.add(b"prVt", SECRET)
    buffer = io.BytesIO()
    Image.fromarray(turned(pixels, orientation)).save(
        buffer, "PNG", pnginfo=texts, exif=exif(orientation), icc_profile=profile(), dpi=(72, 72)
    )
    return buffer.getvalue() + chunk(b"IDAT", SECRET)


def dirty_webp(orientation=1, pixels=None, **options):
    """A WebP with EXIF, XMP and a private chunk."""
    pixels = scene() if pixels is None else pixels
    buffer = io.BytesIO()
    Image.fromarray(turned(pixels, orientation)).save(
        buffer, "WEBP", exif=exif(orientation), xmp=xmp(), icc_profile=profile(), **{"quality": 90, **options}
    )
    data = buffer.getvalue() + b"PRVT" + struct.pack("<I", len(SECRET)) + SECRET
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def dirty_avif(orientation=1, pixels=None):
    """An AVIF with EXIF and XMP."""
    pixels = scene() if pixels is None else pixels
    buffer = io.BytesIO()
    Image.fromarray(turned(pixels, orientation)).save(
        buffer, "AVIF", exif=exif(orientation), xmp=xmp(), icc_profile=profile(), quality=90, subsampling="4:4:4"
    )
    return buffer.getvalue()


def dirty_heic(orientation=1, pixels=None):
    """A HEIC with EXIF, XMP, a thumbnail, and a motion video in a box of its own."""
    pixels = scene() if pixels is None else pixels
    stored = turned(pixels, orientation)
    mode = "RGBA" if pixels.shape[2] == 4 else "RGB"
    heif = pillow_heif.from_bytes(mode, (stored.shape[1], stored.shape[0]), stored.tobytes())
    heif[0].info.update(icc_profile=profile(), icc_profile_type="prof", thumbnails=[32])
    buffer = io.BytesIO()
    heif.save(buffer, quality=90, chroma=444, exif=b"Exif\0\0" + exif(orientation), xmp=xmp())
    return buffer.getvalue() + struct.pack(">I4s", 8 + len(SECRET), b"mpvd") + SECRET


def dirty_tiff(orientation=1, pixels=None):
    """A TIFF with EXIF, XMP, IPTC and an artist."""
    pixels = scene() if pixels is None else pixels
    tags = {270: SECRET.decode(), 274: orientation, 305: SECRET.decode(), 306: "2026:05:01 12:00:00"}
    tags |= {315: SECRET.decode(), 700: xmp(), 33723: iptc()[26:], 33432: SECRET.decode()}
    buffer = io.BytesIO()
    Image.fromarray(turned(pixels, orientation)).save(buffer, "TIFF", tiffinfo=tags, icc_profile=profile())
    return buffer.getvalue()


DIRTY = {
    "jpeg": dirty_jpeg,
    "png": dirty_png,
    "webp": dirty_webp,
    "avif": dirty_avif,
    "heic": dirty_heic,
    "tiff": dirty_tiff,
}
LOSSLESS = frozenset({"png", "tiff"})

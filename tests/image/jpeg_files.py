"""JPEG files for tests."""

import io

from hypothesis import settings
from PIL import Image

from .dirty import SECRET, jpeg, scene

FEW = settings(max_examples=60, deadline=None)


PLAIN = jpeg(scene())


PROGRESSIVE = jpeg(scene(), progressive=True)


def inserted(data, *extra, at=2):
    return data[:at] + b"".join(extra) + data[at:]


def cmyk(**options):
    buffer = io.BytesIO()
    Image.fromarray(scene()).convert("CMYK").save(buffer, "JPEG", comment=SECRET, **options)
    return buffer.getvalue()

"""PNG and APNG files for tests."""

import io

import numpy as np
from hypothesis import settings
from PIL import Image

from cloak.image.structure import png_chunks

from .dirty import SECRET, chunk, scene

FEW = settings(max_examples=60, deadline=None)


def png(pixels, mode=None, **options):
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, "PNG", **options)
    return buffer.getvalue()


def apng(count=3, **options):
    pictures = [Image.fromarray(np.roll(scene(), 9 * index, axis=1)) for index in range(count)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "PNG", save_all=True, append_images=pictures[1:], duration=[100, 40, 250], **options)
    return buffer.getvalue()


PLAIN, MOVING = png(scene()), apng()


TEXT = chunk(b"tEXt", b"Author\0" + SECRET)


def kinds(data):
    return [piece.kind for piece in png_chunks(data)]


def inserted(data, *extra, before=b"IDAT", at=None):
    """A file with more chunks, before the first one of a kind or behind the chunk of a number."""
    pieces = list(png_chunks(data))
    place = next(piece.start for piece in pieces if piece.kind == before) if at is None else pieces[at].end
    return data[:place] + b"".join(extra) + data[place:]


def replaced(data, kind, *new):
    """A file whose chunks of a kind are others."""
    places = [piece for piece in png_chunks(data) if piece.kind == kind]
    return data[: places[0].start] + b"".join(new) + data[places[-1].end :]


def stream(data):
    return b"".join(bytes(piece.payload) for piece in png_chunks(data) if piece.kind == b"IDAT")

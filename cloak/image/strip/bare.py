"""Forget everything about a photo but its pixels."""

from cloak.photo import BarePhoto, Photo


def strip(photo: Photo) -> BarePhoto:
    """Change a `Photo` into the only type that `encode` accepts.

    Pixels, alpha, colour space and how it was compressed come along; there is no field in which anything else could.
    Pixels that are wholly transparent become black: what somebody erased is often there still.
    """
    seen = photo.pixels if photo.alpha is None else photo.pixels * (photo.alpha > 0)
    return BarePhoto(pixels=seen, alpha=photo.alpha, space=photo.space, encoding=photo.encoding)

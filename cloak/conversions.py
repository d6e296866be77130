"""Photos as people hold them in memory, and back again."""

from os import PathLike
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from cloak.container import ColourSpace, Container, Encoding
from cloak.errors import ShapeError
from cloak.files import read
from cloak.image.codec import DEFAULT_MAX_PIXELS, decode
from cloak.image.colour import bring_home
from cloak.image.icc import DISPLAY_P3
from cloak.photo import Photo

Picture = Photo | torch.Tensor | Image.Image
"""What can be cloaked in memory; a tensor is uint8 (3, H, W)."""

_MAX_BYTES = 8 * DEFAULT_MAX_PIXELS

_HINTS = {np.ndarray: ": pass Image.fromarray(...), in RGB", bytes: ": pass cloak.decode(...)"}


def to_photo(picture: Picture | str | PathLike[str]) -> Photo:
    """Make a `Photo` of a picture or of the file at a path.

    Raises:
        ShapeError: it is nothing of the kind.
        PhotoError: the file cannot be read.
    """
    if isinstance(picture, Photo):
        return picture
    if isinstance(picture, torch.Tensor):
        return Photo(pixels=picture.cpu(), encoding=Encoding(container=Container.PNG))
    if isinstance(picture, Image.Image):
        return _from_pillow(picture)
    if isinstance(picture, str | PathLike):
        return decode(read(Path(picture), max_bytes=_MAX_BYTES))
    raise ShapeError(
        f"a photo is a path, a PIL image, a uint8 tensor (3, H, W) or a Photo, got {type(picture).__name__}"
        f"{_HINTS.get(type(picture), '')}"
    )


def like(picture: Picture | str | PathLike[str], photo: Photo) -> Picture:
    """Return a photo as the type, and on the device, that `picture` has; for a path, the photo itself."""
    if isinstance(picture, torch.Tensor):
        return photo.pixels.to(picture.device)
    if isinstance(picture, Image.Image):
        return _to_pillow(photo)
    return photo


def _from_pillow(image: Image.Image) -> Photo:
    upright = ImageOps.exif_transpose(image)
    alpha = upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None
    coloured = bring_home(_opaque(upright), upright.info.get("icc_profile"))
    return Photo(
        pixels=_tensor(coloured.image),
        alpha=None if alpha is None else _tensor(alpha),
        space=ColourSpace(coloured.space),
        encoding=Encoding(container=Container.PNG),
    )


def _opaque(image: Image.Image) -> Image.Image:
    """Return an image in a mode that colour management knows."""
    if image.mode in {"L", "RGB", "CMYK", "YCbCr", "LAB"}:
        return image
    if image.mode in {"1", "P", "PA", "LA", "La", "RGBA", "RGBa", "RGBX"}:
        return image.convert("RGBA").convert("RGB")
    raise ShapeError(f"a PIL image of mode {image.mode!r} has no 8-bit colours: convert it to RGB first")


def _to_pillow(photo: Photo) -> Image.Image:
    image = Image.fromarray(photo.pixels.permute(1, 2, 0).contiguous().numpy())
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(photo.alpha[0].numpy()))
    if photo.space is ColourSpace.DISPLAY_P3:
        image.info["icc_profile"] = DISPLAY_P3
    return image


def _tensor(image: Image.Image) -> torch.Tensor:
    pixels = np.array(image)
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1).contiguous()

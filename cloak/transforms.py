"""Cloaking as a torchvision transform, for data pipelines."""

from typing import Any, ClassVar

import PIL.Image
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from cloak.cloaker import Cloaker
from cloak.errors import ShapeError


def _is_plain(value: object) -> bool:
    """Tell plain tensors from boxes, masks and key points, which are not pictures."""
    return isinstance(value, torch.Tensor) and not isinstance(value, tv_tensors.TVTensor)


class Cloak(v2.Transform):  # type: ignore[misc]  # torchvision is untyped
    """Cloak the faces in images; everything else passes through.

    It takes what other transforms of ``torchvision.transforms.v2`` take: PIL images, `tv_tensors.Image`, and plain
    tensors that are images, uint8 in [0, 255] or float in [0, 1], ``(3, H, W)`` or with any number of dimensions in
    front. What comes out has the type, shape, dtype and device of what went in, and pixels outside faces are the same
    to the bit.

    Args:
        cloaker: the cloaker to use, by default one with the default settings.

    >>> import torch
    >>> from torchvision.transforms import v2
    >>> from cloak.transforms import Cloak
    >>> pipeline = v2.Compose([v2.CenterCrop(48), Cloak()])
    >>> pipeline(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 3, 48, 48])
    """

    _transformed_types: ClassVar = (_is_plain, PIL.Image.Image, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, cloaker: Cloaker | None = None) -> None:
        super().__init__()
        self.cloaker = cloaker or Cloaker()

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:  # noqa: ANN401, ARG002 -- torchvision's interface
        """Cloak one image or batch of images."""
        if isinstance(inpt, PIL.Image.Image):
            return self.cloaker(inpt)
        images = inpt.as_subclass(torch.Tensor)
        if images.ndim < 3 or images.shape[-3] != 3 or not (images.dtype == torch.uint8 or images.is_floating_point()):
            raise ShapeError(f"images must be uint8 or float (..., 3, H, W), got {images.dtype} {tuple(images.shape)}")
        if not images.numel():
            return inpt
        flat = images.reshape(-1, *images.shape[-3:])
        changed = torch.stack([_add(*pair) for pair in zip(flat, self._differences(flat), strict=True)])
        result = changed.reshape(images.shape)
        return tv_tensors.wrap(result, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else result

    def _differences(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return what cloaking changes, int16 grey levels."""
        grey_levels = v2.functional.to_dtype(images, torch.uint8, scale=True).cpu()
        return list(self.cloaker(grey_levels).to(torch.int16) - grey_levels)


def _add(image: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """Add a difference in grey levels to an image of any dtype."""
    difference = difference.to(image.device)
    if not image.is_floating_point():
        return (image.int() + difference).to(image.dtype)
    return torch.where(difference == 0, image, (image + difference.to(image) / 255).clamp(0, 1))

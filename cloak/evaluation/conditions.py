"""What happens to an upload before an engine sees it: each condition maps pixels to pixels.

Convention:
    uint8 (3, H, W), RGB in, the same out; compression is really done and undone.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter

from cloak.errors import UsageError

Condition = Callable[[torch.Tensor], torch.Tensor]

NONE = "as written"
VERSION = 1
"""Part of the key of cached answers: raise it when a condition changes."""


def _image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def _pixels(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


def _compressed(container: str, quality: int, **options: int) -> Condition:
    def apply(pixels: torch.Tensor) -> torch.Tensor:
        buffer = io.BytesIO()
        _image(pixels).save(buffer, container, quality=quality, **options)
        return _pixels(Image.open(buffer))

    return apply


def _jpeg(quality: int, *, full: bool = False) -> Condition:
    return _compressed("JPEG", quality, subsampling=0 if full else 2)


def _longest(side: int) -> Condition:
    """Make larger photos so large, with Lanczos, as sites do; never enlarge."""

    def apply(pixels: torch.Tensor) -> torch.Tensor:
        _, height, width = pixels.shape
        share = side / max(height, width)
        return pixels if share >= 1 else _resized(pixels, share)

    return apply


def _resized(pixels: torch.Tensor, share: float) -> torch.Tensor:
    _, height, width = pixels.shape
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return _pixels(_image(pixels).resize(size, Image.Resampling.LANCZOS))


def _half_and_back(pixels: torch.Tensor) -> torch.Tensor:
    _, height, width = pixels.shape
    return _pixels(_image(_resized(pixels, 0.5)).resize((width, height), Image.Resampling.BICUBIC))


def _cropped(pixels: torch.Tensor) -> torch.Tensor:
    """Keep the middle nine tenths of each side, made as large as before."""
    _, height, width = pixels.shape
    y, x = round(height * 0.05), round(width * 0.05)
    middle = pixels[:, y : height - y, x : width - x]
    return _pixels(_image(middle).resize((width, height), Image.Resampling.BICUBIC))


def _blurred(pixels: torch.Tensor) -> torch.Tensor:
    return _pixels(_image(pixels).filter(ImageFilter.GaussianBlur(1.0)))


def _noisy(pixels: torch.Tensor) -> torch.Tensor:
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))
    return (pixels.float() + 0.02 * 255 * noise).round().clamp(0, 255).to(torch.uint8)


def _median(pixels: torch.Tensor) -> torch.Tensor:
    padded = F.pad(pixels[None].float(), [2, 2, 2, 2], mode="replicate")[0]
    windows = padded.unfold(1, 5, 1).unfold(2, 5, 1).flatten(3)
    return windows.median(-1).values.to(torch.uint8)


def _sharpened(pixels: torch.Tensor) -> torch.Tensor:
    return _pixels(_image(pixels).filter(ImageFilter.UnsharpMask(radius=2, percent=100, threshold=0)))


def _screenshot(pixels: torch.Tensor) -> torch.Tensor:
    """Show at 125%, as a display with scaling does, and keep that as it is shown."""
    _, height, width = pixels.shape
    size = (round(width * 1.25), round(height * 1.25))
    return _pixels(_image(pixels).resize(size, Image.Resampling.BILINEAR))


def _chain(*steps: Condition) -> Condition:
    def apply(pixels: torch.Tensor) -> torch.Tensor:
        for step in steps:
            pixels = step(pixels)
        return pixels

    return apply


CONDITIONS: dict[str, Condition] = {
    NONE: lambda pixels: pixels,
    **{f"jpeg{q}": _jpeg(q) for q in (95, 85, 75, 50)},
    **{f"jpeg{q}-444": _jpeg(q, full=True) for q in (95, 85, 75, 50)},
    **{f"longest{side}": _longest(side) for side in (2048, 1080, 960, 640)},
    "half": _half_and_back,
    "crop90": _cropped,
    "blur1": _blurred,
    "noise02": _noisy,
    "median5": _median,
    "sharpen": _sharpened,
    "webp75": _compressed("WEBP", 75),
    "screenshot125": _screenshot,
    # What is publicly known or measured of large sites; they change it without notice, so take them for a kind of site.
    "site:facebook": _chain(_longest(2048), _jpeg(85)),
    "site:instagram": _chain(_longest(1080), _jpeg(75)),
    "site:x": _chain(_longest(2048), _jpeg(85)),
    "site:whatsapp": _chain(_longest(1600), _jpeg(70)),
    "site:linkedin": _chain(_longest(800), _jpeg(80)),
    "site:profile-picture": _chain(_longest(400), _jpeg(80)),
}
"""By the names that the command line uses."""


def parse(names: Sequence[str]) -> tuple[str, ...]:
    """Check names of conditions; "all" is every one. `NONE` comes first and is always there.

    Raises:
        UsageError: one is not among `CONDITIONS`.
    """
    if unknown := [name for name in names if name not in CONDITIONS and name != "all"]:
        raise UsageError(f"unknown condition {unknown[0]!r}: choose from all, {', '.join(CONDITIONS)}")
    wanted = CONDITIONS if "all" in names else names
    return tuple(dict.fromkeys((NONE, *wanted)))

"""Put deltas back into the photo they belong to, and touch nothing else."""

import torch
import torch.nn.functional as F

from cloak.errors import ShapeError
from cloak.photo import FaceBatch


def composite(pixels: torch.Tensor, batch: FaceBatch, deltas: torch.Tensor, row: int) -> torch.Tensor:
    """Add one delta of a batch to a photo's pixels.

    Args:
        pixels: uint8 (3, H, W) of the photo that `row` came from.
        batch: the batch of crops.
        deltas: float32 (N, 3, S, S), already zero where `batch.masks` is.
        row: which face.

    Returns:
        A new uint8 (3, H, W). Pixels outside the face's region are the same bytes.

    Raises:
        ShapeError: deltas do not belong to the batch.
    """
    if deltas.shape != batch.crops.shape:
        raise ShapeError(f"deltas must be {tuple(batch.crops.shape)} like the crops, got {tuple(deltas.shape)}")
    size = deltas.shape[-1]
    scale = float(batch.to_photo[row, 0, 0])
    side = round(size * scale)
    left, top = (round(float(batch.to_photo[row, i, 2]) - (scale - 1) / 2) for i in (0, 1))
    delta, mask = deltas[row].float().cpu(), batch.masks[row].cpu()
    if side != size:
        mask = F.interpolate(mask[None], (side, side), mode="bilinear", align_corners=False)[0]
    _, height, width = pixels.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    allowed = mask[0][inner] > 0
    result = pixels.clone()
    for channel, change in zip(result, delta, strict=True):  # one at a time: a face may have ten million pixels
        place = channel[y0:y1, x0:x1]
        changed = _enlarged(change, side)[inner].mul(255).mul_(allowed).add_(place)
        place.copy_(changed.round_().clamp_(0, 255))
    return result


def _enlarged(change: torch.Tensor, side: int) -> torch.Tensor:
    """Enlarge (S, S) to (side, side): bicubic, because a bilinear delta shows its grid on skin."""
    if change.shape[-1] == side:
        return change
    return F.interpolate(change[None, None], (side, side), mode="bicubic", align_corners=False)[0, 0]

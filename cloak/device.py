"""Choose where to compute."""

import torch

from cloak.errors import UsageError


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" is CUDA where there is one, else Apple's MPS, else the CPU.

    Raises:
        UsageError: there is no such device here.
    """
    if name == "auto":
        return torch.device(next((kind for kind in ("cuda", "mps") if _available(kind)), "cpu"))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no such device: {name!r}: use auto, cpu, cuda, cuda:1 or mps") from None
    if not _available(device.type) or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise UsageError(f"this machine has no device {name!r}: use --device auto or --device cpu")
    return device


def pick_devices(name: str = "auto") -> list[torch.device]:
    """Return all devices that `name` means: all GPUs for "cuda", and for "auto" where there are any; one otherwise.

    The first is that of `pick_device`.

    Raises:
        UsageError: there is no such device here.
    """
    first = pick_device(name)
    if first.type != "cuda" or ":" in name:
        return [first]
    return [first, *(torch.device("cuda", index) for index in range(1, torch.cuda.device_count()))]


def _available(kind: str) -> bool:
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(kind, False)

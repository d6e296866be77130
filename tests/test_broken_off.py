"""When the disk, the system or the user ends a run: the old files or the new ones, nothing in between."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cloak.config import FacePolicy, ProtectConfig
from cloak.files import read
from cloak.manifest import OURS
from cloak.outcome import Status
from cloak.pipeline import protect
from cloak.sinks import Files
from cloak.targets import Job

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
STRIP = ("--faces", "none", "--no-manifest")
"""The claims are about files: no face has to be cloaked for them."""

ALBUM = ("--faces", "none")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _files(folder: Path) -> list[str]:
    """All files in a folder, hidden and temporary ones too, but for the manifest."""
    return sorted(path.name for path in folder.iterdir() if path.name not in OURS)


@linux
def test_a_file_larger_than_the_system_allows_leaves_the_old_one(paint, tmp_path, out):
    import resource  # noqa: PLC0415 -- not on Windows

    class Small(Files):
        def take(self, job, data, outcome):
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
            try:
                super().take(job, data, outcome)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    path = paint(tmp_path / "a.png", width=400, height=400)
    out.mkdir()
    (out / "a.png").write_bytes(b"old")
    config = ProtectConfig(faces=FacePolicy.NONE, device="cpu")
    (outcome,) = protect([Job(path, out / "a.png")], config, sink=Small(overwrite=True))
    assert outcome.status is Status.FAILED
    assert "the file would be larger than this system allows" in outcome.reason
    assert _files(out) == ["a.png"]
    assert (out / "a.png").read_bytes() == b"old"


@linux
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_leaves_the_old_file(cloak, paint, tmp_path, out):
    path = paint(tmp_path / "a.bmp.png", width=600, height=600, mode="RGB")
    Image.effect_noise((600, 600), 100).save(path)
    out.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(out)]
    mount = subprocess.run(command, check=False, capture_output=True)
    if mount.returncode:
        pytest.skip(f"cannot mount a small disk here: {mount.stderr.decode().strip()}")
    try:
        (out / "a.bmp.png").write_bytes(b"old")
        result = cloak("protect", path, "-o", out, *STRIP, "--overwrite")
        assert result.code == 3
        assert "the disk is full; nothing was left behind" in result.err
        assert _files(out) == ["a.bmp.png"]
        assert (out / "a.bmp.png").read_bytes() == b"old"
    finally:
        subprocess.run(["umount", str(out)], check=True)


@posix
def test_an_interrupted_run_says_where_it_stopped_and_leaves_nothing_half_done(paint, tmp_path, out):
    for number in range(300):
        paint(tmp_path / "in" / f"{number:03}.png", width=500, height=500)
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "protect", tmp_path / "in", "-o", out, *ALBUM, "-v"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(2)
        rest, errors = process.communicate()
    assert process.returncode == 1, errors
    assert "No file is half written." in rest
    written = _files(out)
    assert 1 <= len(written) < 300
    assert all(read(out / name, max_bytes=10**7).endswith(b"IEND\xaeB`\x82") for name in written)

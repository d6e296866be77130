"""Watched folders of which the disk is away, and links that lead out of them."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .processes import STRIP, posix, visible, watching

pytest.importorskip("watchfiles")
CLOAK = f"{sys.executable} -m cloak.cli.main"


@posix
def test_links_out_of_the_folder_are_not_followed_and_said(folder, out, photo, tmp_path):
    (tmp_path / "private").mkdir()
    secret = shutil.copy(photo, tmp_path / "private" / "secret.jpg")
    (folder / "before.jpg").symlink_to(secret)
    (folder / "album").symlink_to(tmp_path / "private", target_is_directory=True)
    with watching(folder, out, *STRIP) as watcher:
        watcher.wait(lambda: watcher.lines("failed"))
        (folder / "later.jpg").symlink_to(secret)
        (folder / "later").symlink_to(tmp_path / "private", target_is_directory=True)
        watcher.wait(lambda: len(watcher.lines("failed")) == 2)
        shutil.copy(photo, folder / "a.jpg")
        (folder / "same.jpg").symlink_to(folder / "a.jpg")  # this one stays in the folder
        watcher.wait(lambda: visible(out) == {"a.jpg", "same.jpg"})
        time.sleep(1.5)
        assert watcher.stop() == 0
        said = watcher.lines("failed")
    assert visible(out) == {"a.jpg", "same.jpg"}
    assert all("a link out of the watched folder is not followed" in line for line in said)
    assert ["before.jpg" in said[0], "later.jpg" in said[1], len(said)] == [True, True, 2]


def test_a_link_to_the_watched_folder_itself_is_followed(folder, out, photo, tmp_path):
    shutil.copy(photo, folder / "a.jpg")
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    with watching(tmp_path / "link", out, *STRIP) as watcher:
        watcher.wait(lambda: visible(out) == {"a.jpg"})


def mounting(script: str, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a script that may mount: `plug` brings a disk of its own to `mnt`, `unplug` takes it away, and keeps it."""
    before = (
        f"set -e; cd {folder}; mkdir disk mnt; mount -t tmpfs none disk\n"
        f'plug() {{ mount --bind disk mnt; }}; unplug() {{ umount mnt; }}; cloak() {{ {CLOAK} "$@"; }}\n'
    )
    environment = {**os.environ, "CLOAK_HOME": str(home)}
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", before + script],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def mounts() -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("needs a Linux that lets users mount (unshare -rm)")


WATCH = f"""
watched() {{
    (exec {CLOAK} watch "$1" -o "$2" --strip-only --settle 0.3) > log 2>&1 & watch=$!
    until grep -q Watching log || ! kill -0 $watch 2> kill.log; do sleep 0.2; done
    kill $watch 2> kill.log || true
    wait $watch || echo "code $?" >> log
    cat log
}}
"""


@pytest.mark.usefixtures("mounts")
def test_uploads_to_a_disk_that_is_away_are_not_called_gone_and_nothing_is_written_in_its_place(photo, tmp_path, home):
    done = mounting(
        f"""plug; cloak upload {photo} --to ./mnt --strip-only --expires 8s -q; unplug; sleep 8.1
        cloak uploads purge || echo "code $?"
        cloak upload {photo} --to ./mnt --strip-only --again || echo "code $?"
        ls mnt | wc -l; plug; ls mnt | wc -l; cloak uploads purge; ls mnt | wc -l
        """,
        tmp_path, home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:4] == ["code 3", "code 1", "0", "1"], done.stdout
    assert lines[4].startswith("deleted: ")
    assert lines[5:] == ["0"]
    assert done.stderr.count("no disk is at") == 2


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize("side", ["watched", "output"])
def test_a_watch_ends_with_an_error_where_a_disk_is_away(photo, tmp_path, home, side):
    folders = "mnt ./out" if side == "watched" else "./in mnt"
    done = mounting(
        WATCH + f"""mkdir -p in out; cp {photo} disk/a.jpg; cp {photo} in/a.jpg
        plug; watched {folders}; unplug; echo AWAY; watched {folders}; ls -A mnt | wc -l
        """,
        tmp_path, home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.split("AWAY")
    assert "Stopped; no file is half written" in before
    assert "Error: no disk is at " in after
    assert after.split()[-3:] == ["code", "1", "0"], after

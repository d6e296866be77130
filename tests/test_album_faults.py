"""Albums and what befalls them: killed at any moment, a full disk, originals that go away or grow. Real processes."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from cloak.album import Album, look
from cloak.config import FacePolicy, ProtectConfig
from cloak.files import read
from cloak.image.codec import decode
from cloak.manifest import LOCK, NAME, OURS
from cloak.outcome import Status
from cloak.pipeline import protect
from cloak.sinks import Files
from cloak.sources import find_photos
from cloak.targets import Job, plan

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
KILLS = int(os.environ.get("CLOAK_KILLS", "4"))
"""20 were run before this was committed; each takes three seconds or more."""

CONFIG = ProtectConfig(faces=FacePolicy.NONE, device="cpu")
RUN = Path(__file__).with_name("album_run.py")


def _album(folder: Path, paint, count: int) -> None:
    """So many photos, of which few have faces, and most are too small for any."""
    for number in range(count):
        paint(folder / f"{number % 7}" / f"{number:03}.png", width=60 + number, height=20)


def _content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OURS
    }


def _killed(photos: Path, out: Path, chance: random.Random) -> bool:
    """Run until something more is written, a little longer, and kill; say whether it was killed."""
    before = sum(1 for path in out.rglob("*.*") if path.name not in OURS) if out.exists() else 0
    with subprocess.Popen([sys.executable, RUN, photos, out], stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            if out.exists() and sum(1 for path in out.rglob("*.*") if path.name not in OURS) > before:
                time.sleep(chance.uniform(0, min(0.25, 2 / KILLS)))  # not longer: it would be done too soon
                process.send_signal(signal.SIGKILL)
                return process.wait() == -signal.SIGKILL
            time.sleep(0.002)
        assert process.returncode == 0, process.stderr.read()
    return False


@pytest.mark.slow
@posix
def test_killed_at_any_moment_an_album_goes_on_and_is_as_if_nothing_had_happened(examples, paint, tmp_path):
    photos, out, whole = tmp_path / "photos", tmp_path / "out", tmp_path / "whole"
    _album(photos, paint, 297)
    originals = _content(photos)
    assert len(originals) == 300
    subprocess.run([sys.executable, RUN, photos, whole], check=True)
    chance = random.Random(6)  # noqa: S311
    kills = 0
    for _ in range(KILLS):
        kills += _killed(photos, out, chance)
        written = _content(out)
        assert all(written[name] == _content(whole)[name] for name in written), "half a file, or a temporary one"
    assert kills == KILLS
    subprocess.run([sys.executable, RUN, photos, out], check=True)
    assert _content(out) == _content(whole)
    assert {path.name for path in out.rglob(".*")} <= {NAME, LOCK}
    assert _content(photos) == originals
    assert len(look(out).done) == 300
    assert examples == photos


@posix
def test_ctrl_c_finishes_what_it_began_and_the_same_command_goes_on(paint, tmp_path):
    for number in range(300):
        paint(tmp_path / "in" / f"{number:03}.png", width=400, height=300)
    out = tmp_path / "out"
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "protect", tmp_path / "in", "-o", out, "--faces", "none"]
    with subprocess.Popen([*command, "-v"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert process.returncode == 1, errors
    assert "Stopped after " in rest
    assert "The same command goes on from there" in rest
    written = _content(out)
    reported = 1 + sum(line.startswith("stripped: ") for line in rest.splitlines())
    assert 1 <= len(written) < 300
    assert len(look(out).done) == len(written) >= reported
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (
        f"{300 - len(written)} stripped only (no face cloaked), {len(written)} already done, 0 failed." in again.stdout
    )
    assert len(_content(out)) == 300


@posix
def test_of_two_commands_at_once_on_a_folder_one_is_refused_and_the_other_does_all(paint, tmp_path):
    for number in range(200):
        paint(tmp_path / "in" / f"{number:03}.png", width=400, height=300)
    out = tmp_path / "out"
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "protect", tmp_path / "in", "-o", out, "--faces", "none"]
    with subprocess.Popen([*command, "-v"], stdout=subprocess.PIPE, text=True) as first:
        first.stdout.readline()
        first.send_signal(signal.SIGSTOP)  # or it may be done before the second begins
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        first.send_signal(signal.SIGCONT)
        rest, _ = first.communicate()
    assert (second.returncode, "another run is at work" in second.stderr) == (1, True)
    assert first.returncode == 0
    assert "200 stripped only" in rest
    assert len(look(out).done) == 200


@posix
def test_a_second_ctrl_c_leaves_at_once_and_no_half_file(paint, tmp_path):
    for number in range(100):
        paint(tmp_path / "in" / f"{number:03}.png", width=900, height=900)
    out = tmp_path / "out"
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "protect", tmp_path / "in", "-o", out, "--faces", "none"]
    with subprocess.Popen([*command, "-v"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode in {1, 128 + signal.SIGINT}  # 1: it had ended when the second one came
    assert all(data.endswith(b"IEND\xaeB`\x82") for data in _content(out).values())
    assert not look(out).foreign


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_up_fails_photos_and_when_there_is_room_the_rest_is_done(paint, tmp_path):
    photos, out = tmp_path / "in", tmp_path / "out"
    for number in range(12):
        path = paint(photos / f"{number:02}.png")
        Image.effect_noise((150, 150), 90 + number).save(path)
    out.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(out)]
    mount = subprocess.run(command, check=False, capture_output=True)
    if mount.returncode:
        pytest.skip(f"cannot mount a small disk here: {mount.stderr.decode().strip()}")
    try:
        jobs = plan(find_photos([photos], output=out).sources, out)
        with Album(out, CONFIG) as album:
            first = [one.status for one in protect(jobs, CONFIG, sink=album)]
        assert {Status.STRIPPED, Status.FAILED} == set(first)
        assert all(decode(data).width == 150 for data in _content(out).values())
        subprocess.run(["mount", "-o", "remount,size=4m", str(out)], check=True)
        with Album(out, CONFIG) as album:
            second = [one.status for one in protect(jobs, CONFIG, sink=album)]
        assert [one is Status.ALREADY_DONE for one in second] == [one is Status.STRIPPED for one in first]
        assert len(look(out).done) == 12
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_an_original_that_goes_away_during_the_run_is_one_failed_photo(paint, tmp_path):
    photos, out = tmp_path / "in", tmp_path / "out"
    for number in range(60):
        paint(photos / f"{number:02}.png")
    jobs = plan(find_photos([photos], output=out).sources, out)
    outcomes = protect(jobs, CONFIG)
    seen = [next(outcomes)]
    (photos / "59.png").unlink()
    seen += outcomes
    assert [one.source.name for one in seen if one.status is Status.FAILED] == ["59.png"]
    assert "cannot be read" in seen[-1].reason
    assert len(_content(out)) == 59


def test_a_file_that_grows_while_it_is_read_is_never_taken_for_a_photo_it_was_not(paint, tmp_path):
    data = paint(tmp_path / "whole.png", width=300, height=300).read_bytes()
    growing = tmp_path / "in" / "growing.png"
    growing.parent.mkdir()
    growing.write_bytes(b"")
    ends = threading.Event()

    def grow() -> None:
        while not ends.is_set():
            for end in range(0, len(data) + 1, 97):
                growing.write_bytes(data[:end])

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for number in range(40):
            (outcome,) = protect([Job(growing, tmp_path / "out" / f"{number}.png")], CONFIG, sink=Files())
            if outcome.status is Status.STRIPPED:
                written = decode(read(outcome.target, max_bytes=10**7))
                assert (written.pixels == decode(data).pixels).all()
            else:
                assert outcome.reason
    finally:
        ends.set()
        thread.join()

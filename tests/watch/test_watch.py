"""Watched folders, with real processes: complete photos only, each once, none lost."""

import shutil
import signal
import time
from pathlib import Path

import pytest

from .processes import STRIP, posix, size, visible, watching

pytest.importorskip("watchfiles")
EXAMPLES = Path(__file__).parents[2] / "examples"


@posix
def test_a_photo_that_grows_slowly_is_taken_when_it_is_complete_and_not_before(folder, out, photo):
    data = photo.read_bytes()
    with watching(folder, out, *STRIP) as watcher:
        with (folder / "slow.jpg").open("wb") as file:
            for start in range(0, len(data), len(data) // 12 + 1):
                file.write(data[start : start + len(data) // 12 + 1])
                file.flush()
                assert not visible(out)
                time.sleep(0.1)
        watcher.wait(lambda: "slow.jpg" in visible(out))
        assert not watcher.lines("failed")
        assert len(watcher.lines("stripped")) == 1
    assert b"Secret Camera" not in (out / "slow.jpg").read_bytes()
    assert size(out / "slow.jpg") == (320, 240)


@posix
def test_what_is_there_at_the_start_is_taken_and_the_originals_stay(folder, out, photo):
    (folder / "below" / "it").mkdir(parents=True)
    shutil.copy(photo, folder / "a.jpg")
    shutil.copy(photo, folder / "below" / "it" / "b.jpg")
    with watching(folder, out, *STRIP) as watcher:
        watcher.wait(lambda: visible(out) == {"a.jpg", "below/it/b.jpg"})
        assert watcher.stop() == 0
        assert watcher.lines("Stopped; no file is half written")
    assert (folder / "a.jpg").read_bytes() == photo.read_bytes()


@posix
def test_a_folder_that_is_moved_in_is_taken_with_all_that_is_in_it(folder, out, photo, tmp_path):
    (tmp_path / "album").mkdir()
    for number in range(5):
        shutil.copy(photo, tmp_path / "album" / f"{number}.jpg")
    with watching(folder, out, *STRIP) as watcher:
        time.sleep(1)
        (tmp_path / "album").rename(folder / "album")
        watcher.wait(lambda: visible(out) == {f"album/{number}.jpg" for number in range(5)})


@posix
def test_downloads_are_taken_under_their_last_name_alone(folder, out, photo):
    with watching(folder, out, *STRIP) as watcher:
        time.sleep(0.5)
        (folder / "a.jpg").touch()  # as browsers keep the place
        shutil.copy(photo, folder / "a.jpg.part")
        shutil.copy(photo, folder / ".hidden.jpg")
        shutil.copy(photo, folder / "c.jpg.crdownload")
        time.sleep(1.5)
        assert not visible(out)
        (folder / "a.jpg.part").replace(folder / "a.jpg")
        (folder / "c.jpg.crdownload").rename(folder / "c.jpg")
        watcher.wait(lambda: visible(out) == {"a.jpg", "c.jpg"})
        assert not watcher.lines("failed")


@posix
def test_three_hundred_photos_at_once_are_done_once_each(folder, out, photo):
    with watching(folder, out, *STRIP) as watcher:
        time.sleep(0.5)
        for number in range(300):
            shutil.copy(photo, folder / f"{number:03}.jpg")
        watcher.wait(lambda: len(visible(out)) == 300)
        assert watcher.stop() == 0
        lines = watcher.lines("stripped")
    assert len(lines) == len(set(lines)) == 300


@posix
def test_killed_at_any_moment_and_started_again_no_photo_is_lost_or_done_twice(folder, out, photo):
    for number in range(120):
        shutil.copy(photo, folder / f"{number:03}.jpg")
    done: list[str] = []
    for reached in (1, 40, 80):
        with watching(folder, out, *STRIP) as watcher:
            watcher.wait(lambda: len(visible(out)) >= reached)  # noqa: B023 -- used in this round
            watcher.stop(signal.SIGKILL)
            done += watcher.lines("stripped")
        for name in visible(out):
            size(out / name)
    shutil.copy(photo, folder / "while-nobody-watched.jpg")
    times = {name: (out / name).stat().st_mtime_ns for name in visible(out)}
    with watching(folder, out, *STRIP) as watcher:
        watcher.wait(lambda: len(visible(out)) == 121)
        assert watcher.stop() == 0
        done += watcher.lines("stripped")
    assert len(done) == len(set(done))
    assert {name: (out / name).stat().st_mtime_ns for name in times} == times


@posix
def test_a_photo_that_fails_is_named_and_done_when_it_changes(folder, out, photo):
    (folder / "a.jpg").write_bytes(photo.read_bytes()[:400])
    with watching(folder, out, *STRIP) as watcher:
        watcher.wait(lambda: watcher.lines("failed"))
        time.sleep(1.5)
        assert len(watcher.lines("failed")) == 1
        shutil.copy(photo, folder / "a.jpg")
        watcher.wait(lambda: visible(out) == {"a.jpg"})


@posix
def test_a_photo_that_changes_is_done_again(folder, out, paint, photo):
    shutil.copy(photo, folder / "a.jpg")
    with watching(folder, out, *STRIP) as watcher:
        watcher.wait(lambda: visible(out) == {"a.jpg"})
        paint(folder / "a.jpg", width=64, height=48)
        watcher.wait(lambda: len(watcher.lines("stripped")) == 2)
    assert size(out / "a.jpg") == (64, 48)


@posix
def test_results_inside_of_the_watched_folder_are_not_taken_for_photos(folder, photo):
    shutil.copy(photo, folder / "a.jpg")
    out = folder / "safe"
    with watching(folder, out, *STRIP) as watcher:
        watcher.wait(lambda: visible(out) == {"a.jpg"})
        time.sleep(1.5)
        assert watcher.stop() == 0
        assert len(watcher.lines("stripped")) == 1
    assert visible(out) == {"a.jpg"}


@posix
def test_a_file_of_somebody_else_in_the_output_folder_is_never_replaced(folder, out, photo):
    shutil.copy(photo, folder / "a.jpg")
    out.mkdir()
    (out / "a.jpg").write_bytes(b"mine")
    with watching(folder, out, *STRIP) as watcher:
        watcher.wait(lambda: watcher.lines("failed"))
    assert (out / "a.jpg").read_bytes() == b"mine"


@posix
@pytest.mark.slow
def test_faces_are_cloaked_with_one_set_of_networks_and_sigterm_leaves_whole_files(folder, out):
    with watching(folder, out, "--strength", "subtle", "--settle", "0.4") as watcher:
        for name in ("a.jpg", "b.jpg"):
            shutil.copy(EXAMPLES / "phone.jpg", folder / name)
            watcher.wait(lambda: name in visible(out))  # noqa: B023 -- used in this round
        assert watcher.stop() == 0
        lines = watcher.lines("protected")
    assert len(lines) == 2
    assert "face" in lines[0]
    for name in ("a.jpg", "b.jpg"):
        size(out / name)
        assert (out / name).read_bytes() != (EXAMPLES / "phone.jpg").read_bytes()

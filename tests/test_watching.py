"""Watched folders, with real processes: complete photos only, each once, none lost."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from cloak.outcome import Status
from cloak.upload import ledger
from cloak.upload.destination import Wish
from cloak.upload.settings import Place
from cloak.watch.settling import PARTIAL, Settling, is_photo
from cloak.watch.uploading import Uploading, state_folder
from cloak.watch.work import Stripper

pytest.importorskip("watchfiles")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
EXAMPLES = Path(__file__).parents[1] / "examples"
PATIENCE = 300.0
STRIP = ("--strip-only", "--settle", "0.4")


class Watcher:
    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log

    def lines(self, word: str) -> list[str]:
        return [line for line in self.log.read_text("utf-8").splitlines() if line.startswith(word)]

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something is so; fail if the process ends before."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < end, self.log.read_text("utf-8")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def watching(folder: Path, out: Path, *options: str, to: str = "-o") -> Iterator[Watcher]:
    log = out.with_name(f"log-{time.monotonic_ns()}.txt")
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "watch", str(folder), to, str(out), *options]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, text=True)
    try:
        watcher = Watcher(process, log)
        watcher.wait(lambda: watcher.lines("Watching"))
        yield watcher
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def photo(paint: Callable[..., Path], tmp_path: Path) -> Path:
    """A photo with something to strip."""
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    return paint(tmp_path / "photo.jpg", width=320, height=240, exif=exif)


def size(path: Path) -> tuple[int, int]:
    """Decode a photo, which fails if it is not whole."""
    with Image.open(path) as image:
        image.load()
        return image.size


def visible(folder: Path) -> set[str]:
    """Files that are results, by their path below the folder; anything half written counts."""
    ours = {".cloak-album.sqlite", ".cloak-album.sqlite-journal", ".cloak-album.lock"}
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name not in ours
    }


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
def test_the_end_of_the_folder_ends_the_watch_with_an_error(folder, out, monkeypatch):
    from cloak.errors import OutputError  # noqa: PLC0415 -- by this test alone
    from cloak.watch import loop  # noqa: PLC0415

    monkeypatch.setattr(loop, "RESCAN", 0.0)
    found = loop._Finder(folder, out, Settling(1))
    found.look(iter(()))
    folder.rmdir()
    with pytest.raises(OutputError, match="is gone"):
        found.look(iter(()))


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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for the ledger that is not the user's."""
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def uploads(home: Path) -> list[ledger.Entry]:
    with ledger.Ledger(home / "uploads.sqlite") as opened:
        return opened.entries()


@posix
def test_photos_are_uploaded_stripped_under_random_names_and_noted(folder, out, photo, home):
    shutil.copy(photo, folder / "holiday.jpg")
    with watching(folder, out, *STRIP, "--expires", "2h", to="--to") as watcher:
        watcher.wait(lambda: watcher.lines("stripped"))
        assert watcher.stop() == 0
    (name,) = visible(out)
    assert "holiday" not in name
    assert b"Secret Camera" not in (out / name).read_bytes()
    (entry,) = uploads(home)
    assert (entry.state, entry.name) == (ledger.State.PLACED, name)
    assert entry.expires is not None
    assert not list((home / "spool").iterdir())


@posix
def test_killed_at_any_moment_and_started_again_each_photo_is_uploaded_once(folder, out, paint, home):
    for number in range(40):
        paint(folder / f"{number:02}.png", width=40 + number, height=30)
    for reached in (1, 10, 25):
        with watching(folder, out, *STRIP, to="--to") as watcher:
            watcher.wait(lambda: out.exists() and len(visible(out)) >= reached)  # noqa: B023 -- used in this round
            watcher.stop(signal.SIGKILL)
    with watching(folder, out, *STRIP, to="--to") as watcher:
        watcher.wait(lambda: len(visible(out)) >= 40)
        time.sleep(1.5)
        assert watcher.stop() == 0
    assert sorted(size(out / name)[0] for name in visible(out)) == list(range(40, 80))
    placed = [entry for entry in uploads(home) if entry.state is ledger.State.PLACED]
    assert {entry.name for entry in placed} == visible(out)


@posix
def test_what_was_uploaded_and_deleted_since_is_not_uploaded_again(folder, out, photo, home):
    shutil.copy(photo, folder / "a.jpg")
    with watching(folder, out, *STRIP, to="--to") as watcher:
        watcher.wait(lambda: watcher.lines("stripped"))
        assert watcher.stop() == 0
    (entry,) = uploads(home)
    delete = [sys.executable, "-m", "cloak.cli.main", "uploads", "delete", entry.id]
    subprocess.run(delete, check=True, capture_output=True)
    assert not visible(out)
    with watching(folder, out, *STRIP, to="--to") as watcher:
        shutil.copy(photo, folder / "b.jpg")  # the same content under another name is another photo
        watcher.wait(lambda: watcher.lines("stripped"))
        assert watcher.stop() == 0
        assert not [line for line in watcher.lines("stripped") if "a.jpg" in line]
    assert len(visible(out)) == 1


def test_nothing_of_names_or_paths_is_noted_for_uploads(folder, out, photo, home):
    shutil.copy(photo, folder / "telling-name.jpg")
    wish = partial(Wish, expires=datetime.now(UTC) + timedelta(hours=1))
    place = Place(name=str(out), kind="folder", settings={"path": str(out)})
    with Uploading(folder, place, wish, Stripper()) as work:
        (done,) = work.do([folder / "telling-name.jpg"], threading.Event())
        assert done.upload
        (again,) = work.do([folder / "telling-name.jpg"], threading.Event())
        assert again.outcome.status is Status.ALREADY_DONE
    state = state_folder(folder, place.name)
    for path in state.iterdir():
        assert b"telling-name" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    assert "in" not in state.parts[len(home.parts) :]


@pytest.mark.usefixtures("home")
def test_a_destination_that_is_out_of_order_fails_for_now_and_nothing_is_lost(folder, out, photo):
    shutil.copy(photo, folder / "a.jpg")
    place = Place(name=str(out), kind="folder", settings={"path": str(out)})
    with Uploading(folder, place, Wish, Stripper()) as work:
        shutil.rmtree(out, ignore_errors=True)
        out.write_bytes(b"in the way")
        (done,) = work.do([folder / "a.jpg"], threading.Event())
        assert done.outcome.status is Status.FAILED
        assert done.passing
        out.unlink()
        (done,) = work.do([folder / "a.jpg"], threading.Event())
        assert done.upload
    assert len(visible(out)) == 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_file_is_taken_once_it_has_rested_and_not_again(folder, clock):
    settling = Settling(2, clock)
    path = folder / "a.jpg"
    path.write_bytes(b"1")
    settling.saw(path)
    clock.now = 1.9
    assert settling.take() == []
    path.write_bytes(b"12")
    clock.now = 3.0
    assert settling.take() == []
    clock.now = 5.0
    assert settling.take() == [path]
    settling.saw(path)
    clock.now = 100.0
    assert settling.take() == []
    path.write_bytes(b"123")
    settling.saw(path)
    clock.now = 102.0
    assert settling.take() == [path]


def test_an_empty_file_and_one_with_a_partial_file_beside_it_wait(folder, clock):
    settling = Settling(1, clock)
    empty, kept = folder / "empty.jpg", folder / "kept.jpg"
    empty.touch()
    kept.write_bytes(b"1")
    partial = folder / f"kept.jpg{PARTIAL[0]}"
    partial.touch()
    settling.saw(empty)
    settling.saw(kept)
    clock.now = 10
    assert settling.take() == []
    partial.unlink()
    assert settling.take() == [kept]


def test_a_file_that_is_gone_is_forgotten_and_taken_when_it_comes_back(folder, clock):
    settling = Settling(1, clock)
    path = folder / "a.jpg"
    path.write_bytes(b"1")
    settling.saw(path)
    path.unlink()
    clock.now = 5
    assert settling.take() == []
    path.write_bytes(b"1")
    settling.saw(path)
    clock.now = 6
    assert settling.take() == [path]


def test_what_may_pass_is_offered_again_after_a_while(folder, clock):
    settling = Settling(1, clock)
    path = folder / "a.jpg"
    path.write_bytes(b"1")
    settling.saw(path)
    clock.now = 1
    assert settling.take() == [path]
    settling.again(path, 300)
    clock.now = 300
    assert settling.take() == []
    clock.now = 301
    assert settling.take() == [path]


@pytest.mark.parametrize(
    ("name", "photo"),
    [
        ("a.jpg", True),
        ("below/A.HEIC", True),
        ("a.jpg.part", False),
        ("a.jpg.crdownload", False),
        ("a.tmp", False),
        (".a.jpg", False),
        (".thumbnails/a.jpg", False),
        ("notes.txt", False),
    ],
)
def test_photos_are_told_by_their_names(name, photo):
    assert is_photo(Path(name)) is photo

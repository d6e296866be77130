"""Watched folders whose photos are uploaded: each once, and nothing noted that tells of the originals."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from cloak.errors import AudienceError, UnreachableError
from cloak.outcome import Status
from cloak.upload import ledger
from cloak.upload.backoff import Backoff
from cloak.upload.delivery import NOT_TRIED
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.folder import Folder
from cloak.upload.settings import Place
from cloak.watch.uploading import Uploading, state_folder
from cloak.watch.work import Stripper

from .processes import STRIP, posix, size, visible, watching

pytest.importorskip("watchfiles")


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


@pytest.mark.usefixtures("home")
def test_a_destination_that_shows_a_photo_to_more_people_gets_no_other(folder, out, paint, monkeypatch):
    for name in ("a.png", "b.png"):
        paint(folder / name)
    puts = []

    def widening(self, item, wish):
        puts.append(item.name)
        return replace(PUT(self, item, wish), audience=Audience.PUBLIC)

    PUT = Folder.put  # noqa: N806 -- what it is outside of this test
    monkeypatch.setattr(Folder, "put", widening)
    place = Place(name=str(out), kind="folder", settings={"path": str(out)})
    with Uploading(folder, place, Wish, Stripper()) as work, pytest.raises(AudienceError):
        list(work.do([folder / "a.png", folder / "b.png"], threading.Event()))
    assert len(puts) == 1
    assert not visible(out)


@pytest.mark.usefixtures("home")
def test_a_server_that_goes_away_is_left_alone_until_later_and_nothing_is_lost(folder, out, paint, monkeypatch):
    photos = [folder / f"{number}.png" for number in range(6)]
    for number, path in enumerate(photos):
        paint(path, width=40 + number)
    tried = []

    def gone(self, item, wish):  # noqa: ARG001 -- a destination has them
        tried.append(item.name)
        raise UnreachableError("no route to the server")

    place = Place(name=str(out), kind="folder", settings={"path": str(out)})
    monkeypatch.setattr("cloak.watch.uploading.BACKOFF", Backoff(attempts=2, first=0.01, most=0.02))
    with Uploading(folder, place, Wish, Stripper()) as work:
        with monkeypatch.context() as patch:
            patch.setattr(Folder, "put", gone)
            done = list(work.do(photos, threading.Event()))
        assert len(tried) == 2 + 1 + 1
        assert [one.outcome.source for one in done] == photos
        assert all(one.passing for one in done)
        assert [one.outcome.reason for one in done[3:]] == [NOT_TRIED] * 3
        assert all(one.upload for one in work.do(photos, threading.Event()))
    assert len(visible(out)) == 6

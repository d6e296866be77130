"""What is on its way is for the user alone, whatever the umask says."""

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloak.upload import places
from cloak.upload.destination import Wish
from cloak.upload.destinations.folder import Folder
from cloak.upload.settings import Place
from cloak.watch.uploading import Uploading
from cloak.watch.work import Stripper

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user folder that is not there yet, below one that is not there either, and a umask that forbids nothing."""
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "new" / "home"))
    return tmp_path / "new" / "home"


@pytest.fixture(autouse=True)
def lax() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """The modes of all files and folders in the spool, at the time of each upload."""
    modes: dict[str, set[int]] = {"files": set(), "folders": set()}
    put = Folder.put

    def looking(self, item, wish):
        for path in (places.spool(), *places.spool().rglob("*")):
            modes["folders" if path.is_dir() else "files"].add(stat.S_IMODE(path.stat().st_mode))
        return put(self, item, wish)

    monkeypatch.setattr(Folder, "put", looking)
    return modes


@pytest.mark.parametrize("options", [["--strip-only"], ["--faces", "none"]])
def test_the_spool_is_closed_to_others_while_photos_are_in_it(cloak, examples, tmp_path, seen, options):
    result = cloak("upload", examples, "--to", tmp_path / "there", *options)
    assert result.code == 0, result.err
    assert seen == {"files": {0o600}, "folders": {0o700}}
    assert [stat.S_IMODE(path.stat().st_mode) for path in list(places.ledger().parents)[:2]] == [0o700] * 2
    assert os.umask(0) == 0, "the umask of who called was changed"


def test_a_spool_that_others_may_enter_is_closed(cloak, examples, home, tmp_path):
    (home / "spool").mkdir(parents=True)
    assert cloak("upload", examples / "phone.jpg", "--to", tmp_path / "there", "--strip-only").code == 0
    assert stat.S_IMODE((home / "spool").stat().st_mode) == 0o700


def test_photos_that_are_watched_are_private_on_their_way(examples, tmp_path, seen):
    (tmp_path / "in").mkdir()
    shutil.copy(examples / "phone.jpg", tmp_path / "in")
    place = Place(name=str(tmp_path / "there"), kind="folder", settings={"path": str(tmp_path / "there")})
    with Uploading(tmp_path / "in", place, Wish, Stripper()) as work:
        (done,) = work.do([tmp_path / "in" / "phone.jpg"], threading.Event())
        assert done.upload
    assert seen == {"files": {0o600}, "folders": {0o700}}


def test_what_is_public_can_be_read_by_others_all_the_same(cloak, examples, tmp_path):
    there = tmp_path / "there"
    os.umask(0o077)
    result = cloak("upload", examples / "phone.jpg", "--to", there, "--strip-only", "--public", "--album", "one")
    assert result.code == 0, result.err
    (file,) = (there / "one").iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (there, there / "one", file)] == [0o755, 0o755, 0o644]

"""The folder as a destination: the contract, and permissions."""

import os
from dataclasses import replace

import pytest

from cloak.errors import AudienceError, ConfigError, TransferError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.folder import Folder
from cloak.upload.ledger import Ledger

from .contract import Contract, Flaky, upload_many
from .items import item

NOBODY = Credentials("test")


@pytest.fixture
def destination(tmp_path):
    return Folder.open({"path": str(tmp_path / "there")}, NOBODY)


class TestContract(Contract):
    @pytest.fixture
    def destination(self, tmp_path):
        return Folder.open({"path": str(tmp_path / "there")}, NOBODY)

    @pytest.fixture
    def broken(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        return Folder.open({"path": str(tmp_path / "file")}, NOBODY)


def test_files_are_the_owners_alone_and_so_are_the_folders(destination, tmp_path):
    os.umask(before := os.umask(0))
    placed = destination.put(item(), Wish(album="Summer"))
    assert os.umask(before) == before
    assert placed.audience is Audience.OWNER
    assert (tmp_path / "there" / placed.handle).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "there" / "Summer").stat().st_mode & 0o777 == 0o700


def test_public_files_can_be_read_by_others_and_that_is_said(destination, tmp_path):
    placed = destination.put(item(), Wish(audience=Audience.PUBLIC))
    assert placed.audience is Audience.PUBLIC
    assert (tmp_path / "there" / placed.handle).stat().st_mode & 0o777 == 0o644


def test_a_disk_without_permissions_is_told_by_what_it_gave_and_the_file_is_deleted(destination, tmp_path, monkeypatch):
    def careless(path, data, **_):
        path.write_bytes(data)
        path.chmod(0o777)

    monkeypatch.setattr("cloak.upload.destinations.folder.write", careless)
    with pytest.raises(AudienceError, match="deleted again; choose another folder, or pass --public"):
        destination.put(item(), Wish())
    assert list((tmp_path / "there").iterdir()) == []
    assert destination.put(item(), Wish(audience=Audience.PUBLIC)).audience is Audience.PUBLIC


def test_an_unplugged_disk_has_not_deleted_anything(destination, tmp_path):
    placed = destination.put(item(), Wish())
    (tmp_path / "there").rename(tmp_path / "elsewhere")
    for call in (destination.look, destination.delete, destination.find):
        with pytest.raises(TransferError, match="is the disk that it is on connected"):
            call(placed.handle)


def test_one_that_was_set_up_anew_elsewhere_does_not_call_gone_what_is_in_the_old_place(destination, tmp_path):
    placed = destination.put(item(), Wish(album="Summer"))
    (tmp_path / "new").mkdir()
    anew = Folder.open({"path": str(tmp_path / "new")}, NOBODY)
    for call in (anew.look, anew.delete):
        with pytest.raises(TransferError, match=": set the destination to the folder that it is in"):
            call(placed.handle)
    assert destination.look(placed.handle)


@pytest.mark.parametrize("handle", ["../secret.jpg", "/etc/passwd", ".", "a/../../b"])
def test_handles_lead_nowhere_else(destination, handle):
    destination.put(item(), Wish())
    with pytest.raises(TransferError, match="is no file below"):
        destination.delete(handle)


def test_an_album_is_removed_with_its_last_file(destination, tmp_path):
    wish = replace(Wish(), album="Summer")
    first, second = destination.put(item(), wish), destination.put(item(), wish)
    destination.delete(first.handle)
    assert (tmp_path / "there" / "Summer").exists()
    destination.delete(second.handle)
    assert not (tmp_path / "there" / "Summer").exists()


@pytest.mark.parametrize("path", ["", "photos", "./photos"])
def test_a_folder_needs_its_whole_path(path):
    with pytest.raises(ConfigError, match="whole path"):
        Folder.open({"path": path}, NOBODY)


def test_what_cannot_be_a_folder_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UploadError, match="cannot write to"):
        Folder.open({"path": str(tmp_path / "file")}, NOBODY).check(Wish())


def test_a_thousand_uploads_with_every_twentieth_request_failing_are_there_once(destination, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    flaky = Flaky(destination, every=20)
    with Ledger.open() as ledger:
        upload_many(flaky, ledger, tmp_path / "photos", lambda: [path.name for path in (tmp_path / "there").iterdir()])
    assert flaky.failed == flaky.requests // 20
    assert flaky.failed >= 50

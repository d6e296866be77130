"""Signing in to OpenSSH's server with a password, from the environment, as people do it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloak.errors import CredentialsError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Wish
from cloak.upload.destinations.sftp import Sftp

from .conftest import PHOTO
from .items import item
from .servers import sshd
from .servers.sshd import PASSWORD, Sshd

WRONG = "s3cret-of-somebody-else"


@pytest.fixture(autouse=True)
def home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sshd")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Sshd]:
    with sshd.running(folder, password=True) as server:
        yield server


@pytest.fixture
def nas(server: Sshd, home_of_its_own: Path) -> Sshd:
    """A server that was set up as the destination nas, without a key."""
    settings = {name: value for name, value in server.settings().items() if name != "key"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (home_of_its_own / "home").mkdir()
    (home_of_its_own / "home" / "config.toml").write_text('[destinations.nas]\nkind = "sftp"\n' + "\n".join(lines))
    return server


def files(server: Sshd) -> list[Path]:
    return [path for path in server.home.rglob("*") if path.is_file()]


def test_the_right_password_lets_a_photo_in_and_out_again(cloak, folder, nas, monkeypatch):
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", PASSWORD)
    done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", "--json")
    assert done.code == 0, done.err
    (photo,) = json.loads(done.out)["photos"]
    assert photo["status"] == "uploaded"
    (file,) = files(nas)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "Accepted password for " in (folder / "sshd.log").read_text()
    assert cloak("uploads", "delete", photo["id"]).code == 0
    assert files(nas) == []


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_wrong_password_ends_the_upload_is_not_shown_and_leaves_nothing(cloak, folder, nas, monkeypatch, options):
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", WRONG)
    before = (folder / "sshd.log").read_text().count("Failed password for ")
    done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", *options)
    assert done.code == 1
    assert "refused user, key and password: check them with the command sftp" in done.err
    assert WRONG not in done.out + done.err
    assert (folder / "sshd.log").read_text().count("Failed password for ") > before
    assert files(nas) == []


def test_a_photo_is_put_and_deleted_with_the_right_password_and_refused_with_another(server):
    destination = Sftp.open({**server.settings(), "key": ""}, Credentials("nas", {"nas.password": PASSWORD}.get))
    placed = destination.put(item(), Wish())
    assert destination.look(placed.handle) is not None
    destination.delete(placed.handle)
    destination.close()
    again = Sftp.open({**server.settings(), "key": ""}, Credentials("nas", {"nas.password": WRONG}.get))
    with pytest.raises(CredentialsError):
        again.put(item(), Wish())
    again.close()
    assert files(server) == []


def test_a_key_is_no_way_in_where_only_a_password_is(server):
    destination = Sftp.open(server.settings(), Credentials("nas"))
    with pytest.raises(CredentialsError, match="refused user, key and password"):
        destination.check(Wish())
    destination.close()

"""Signing in to OpenSSH's server with a password, from the environment, as people do it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloak.errors import CredentialsError
from cloak.upload.backoff import Backoff
from cloak.upload.credentials import Credentials, Secret
from cloak.upload.destination import Wish
from cloak.upload.destinations import ssh
from cloak.upload.destinations.sftp import Sftp

from .conftest import PHOTO
from .items import item
from .servers import sshd, strict_ssh
from .servers.sshd import PASSWORD, Sshd
from .servers.strict_ssh import Strict

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


def strict_login(server: Strict, tmp_path: Path, **held: Secret) -> ssh.Login:
    sshd.keygen(tmp_path / "refused")
    return ssh.login(
        "127.0.0.1",
        port=str(server.port),
        user="me",
        key=str(tmp_path / "refused"),
        known_hosts=str(server.known_hosts),
        **held,
    )


@pytest.mark.parametrize("way", ["password", "keyboard-interactive"])
def test_a_password_opens_a_server_that_refused_a_key_and_is_asked_once_for_leave_to_sign_in(tmp_path, way):
    with strict_ssh.running(tmp_path, way=way) as server:
        client = ssh.connect(strict_login(server, tmp_path, password=Secret(strict_ssh.PASSWORD)))
        client.close()
        assert (server.tried[0], server.tried[-1]) == ("publickey", way)


def test_a_password_opens_openssh_that_refused_a_key(home_of_its_own, server):
    sshd.keygen(home_of_its_own / "refused")
    settings = server.settings(key=str(home_of_its_own / "refused"))
    destination = Sftp.open(settings, Credentials("nas", {"nas.password": PASSWORD}.get))
    destination.check(Wish())
    destination.close()


def test_without_key_and_password_it_is_said_at_once_which_variable_to_set(server, monkeypatch):
    monkeypatch.setattr(Backoff, "wait", lambda *_: pytest.fail("it was tried again"))
    destination = Sftp.open({**server.settings(), "key": ""}, Credentials("nas"))
    with pytest.raises(CredentialsError, match=r"neither a private key nor a password: .* set CLOAK_NAS_PASSWORD"):
        Backoff().call(lambda: destination.check(Wish()))
    destination.close()

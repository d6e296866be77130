"""A real protected photo on each server: refused to others, the owner's byte for byte, and gone when its time is up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import paramiko
import pytest

from cloak.upload import runs
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Destination, Placed, Wish
from cloak.upload.destinations.nextcloud import Nextcloud
from cloak.upload.destinations.sftp import Sftp
from cloak.upload.destinations.webdav import WebDav
from cloak.upload.ledger import Ledger, State
from cloak.upload.purge import purge
from cloak.upload.send import Parcel, deliver

from .servers import copyparty, sshd, wsgidav
from .servers.nextcloud_fake import NextcloudFake
from .servers.programs import program


@pytest.fixture(scope="module")
def photo(request: pytest.FixtureRequest) -> Path:
    program("python/bin/wsgidav")  # no photo without servers
    made: Path = request.getfixturevalue("protected_photo")
    return made


@contextmanager
def web(kind: str, folder: Path) -> Iterator[tuple[Destination, httpx.BasicAuth]]:
    server = copyparty if kind == "copyparty" else wsgidav
    held = Credentials("test", {"test.password": server.PASSWORD}.get)
    settings = {"user": server.USER, "folder": "photos"}
    with server.running(folder) as address:
        fake = NextcloudFake(address, folder / "files", server.USER, server.PASSWORD)
        with fake.running() as gate:
            if kind == "nextcloud":
                destination: Destination = Nextcloud.open({"url": gate, **settings}, held)
            else:
                destination = WebDav.open({"url": f"{address}/photos", **settings}, held)
            yield destination, httpx.BasicAuth(server.USER, server.PASSWORD)
            destination.close()


def upload(destination: Destination, ledger: Ledger, photo: Path) -> Placed:
    wish = Wish(expires=datetime.now(UTC) + timedelta(seconds=4), album="Sommer ☀")
    destination.check(wish)
    (sent,) = deliver([Parcel(source=photo, path=photo)], destination, ledger, place="there", wish=wish)
    assert sent.placed is not None, sent.reason
    assert sent.placed.audience is Audience.OWNER
    return sent.placed


def purge_what_is_due(destination: Destination, ledger: Ledger) -> None:
    with runs.running() as run:
        assert list(purge(ledger.due(), ledger, lambda _: destination, run=run.name, close=False)) == []
        time.sleep(4)
        (purged,) = purge(ledger.due(), ledger, lambda _: destination, run=run.name, close=False)
    assert (purged.state, purged.problem) == (State.DELETED, "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wsgidav", "copyparty", "nextcloud"])
def test_over_http_others_are_refused_and_a_purge_ends_it(photo, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "mine"))
    with web(kind, tmp_path) as (destination, owner), Ledger.open() as ledger:
        address = upload(destination, ledger, photo).handle
        assert httpx.get(address).status_code == 401
        assert httpx.get(address, auth=owner).content == photo.read_bytes()
        purge_what_is_due(destination, ledger)
        assert httpx.get(address, auth=owner).status_code == 404
        assert not [path for path in (tmp_path / "files").rglob("*.jpg*") if path.is_file()]


@pytest.mark.slow
def test_by_sftp_others_are_refused_and_a_purge_ends_it(photo, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "mine"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with sshd.running(tmp_path) as server, Ledger.open() as ledger:
        destination = Sftp.open(server.settings(), Credentials("test"))
        upload(destination, ledger, photo)
        (there,) = (server.home / "photos" / "Sommer ☀").iterdir()
        assert there.stat().st_mode & 0o777 == 0o600
        assert there.read_bytes() == photo.read_bytes()
        with paramiko.SSHClient() as nobody:
            nobody.load_system_host_keys(str(server.known_hosts))
            with pytest.raises(paramiko.AuthenticationException):
                nobody.connect("127.0.0.1", server.port, password="a guess", allow_agent=False, look_for_keys=False)  # noqa: S106
        purge_what_is_due(destination, ledger)
        assert not [path for path in server.home.rglob("*") if path.is_file()]
        destination.close()

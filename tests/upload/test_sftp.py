"""SFTP: the contract and permissions, on OpenSSH's server."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest

from cloak.errors import AudienceError, ConfigError, CredentialsError, TransferError, UntrustedError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.sftp import Sftp

from .contract import Contract
from .items import item
from .servers import sshd
from .servers.programs import free_port
from .servers.sshd import Sshd

KEPT = "s3cret-of-sftp"
PUBLIC = Wish(audience=Audience.PUBLIC)


@pytest.fixture(autouse=True)
def home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd.running(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@contextmanager
def opened(settings: dict[str, str], **held: str) -> Iterator[Sftp]:
    found = {f"test.{name}": value for name, value in held.items()}
    destination = Sftp.open(settings, Credentials("test", found.get))
    yield destination
    destination.close()


@pytest.fixture
def there(server: Sshd) -> Path:
    return server.home / secrets.token_hex(4)


@pytest.fixture
def destination(server: Sshd, there: Path) -> Iterator[Sftp]:
    with opened(server.settings(path=str(there))) as destination:
        yield destination


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


class TestContract(Contract):
    @pytest.fixture
    def destination(self, server, there):
        with opened(server.settings(path=str(there))) as destination:
            yield destination

    @pytest.fixture
    def secrets(self):
        return (KEPT,)

    @pytest.fixture
    def broken(self, server):
        with opened(server.settings(port=str(free_port())), password=KEPT, passphrase=KEPT) as destination:
            yield destination

    def interrupt(self, destination, one, wish):  # noqa: ARG002 -- the contract's
        folder = Path(destination._root)
        folder.mkdir(exist_ok=True)
        (folder / f".cloak-{one.name}.part").write_bytes(one.file.data[:100])


def test_files_are_the_owners_alone_and_so_are_the_folders(destination, there):
    one = item()
    placed = destination.put(one, Wish(album="Sömmer"))
    assert placed.audience is Audience.OWNER
    assert mode(there / "Sömmer" / one.name) == 0o600
    assert mode(there / "Sömmer") == mode(there) == 0o700
    assert (there / "Sömmer" / one.name).read_bytes() == one.file.data
    assert [path.name for path in (there / "Sömmer").iterdir()] == [one.name]


def test_public_files_can_be_read_by_others_and_that_is_said(destination, there):
    one = item()
    assert destination.put(one, PUBLIC).audience is Audience.PUBLIC
    assert mode(there / one.name) == 0o644


def test_a_check_leaves_nothing_but_the_folder(destination, there):
    destination.check(Wish())
    assert list(there.iterdir()) == []


def test_a_server_that_ignores_permissions_gets_no_photo(destination, there, monkeypatch):
    monkeypatch.setattr(paramiko.SFTPFile, "chmod", lambda *_: None)
    with pytest.raises(AudienceError, match=r"nothing was uploaded; choose another folder, or pass --public"):
        destination.check(Wish())
    with pytest.raises(AudienceError, match="the photo was deleted again"):
        destination.put(item(), Wish())
    assert list(there.iterdir()) == []
    assert destination.put(item(), PUBLIC).audience is Audience.PUBLIC


def test_a_disk_that_is_not_mounted_has_not_deleted_anything(destination, there):
    placed = destination.put(item(), Wish())
    there.rename(there.with_name("elsewhere"))
    for call in (destination.look, destination.delete, destination.find):
        with pytest.raises(TransferError, match="is its disk connected there"):
            call(placed.handle)


def test_an_album_is_removed_with_its_last_file(destination, there):
    wish = Wish(album="Summer")
    first, second = destination.put(item(), wish), destination.put(item(), wish)
    destination.delete(first.handle)
    assert (there / "Summer").exists()
    destination.delete(second.handle)
    assert not (there / "Summer").exists()


def test_a_link_can_be_clicked_on_and_the_handle_stays_as_it_was(server, there):
    with opened(server.settings(path=f"{there} für 100%")) as destination:
        placed = destination.put(item(), Wish())
        assert f"{there.name} für 100%/" in placed.handle
        assert f"{there.name}%20f%C3%BCr%20100%25/" in str(placed.link)
        destination.delete(placed.handle)


def test_the_first_folder_of_a_server_can_be_the_one(server):
    with opened(server.settings(path="/")) as destination:
        assert destination.look(f"{destination._start}{item().name}") is None


@pytest.mark.parametrize("handle", ["/etc/passwd", "sftp://example.org/a.jpg", "{start}../a.jpg", "{start}", "a.jpg"])
def test_handles_lead_nowhere_else(destination, handle):
    with pytest.raises(TransferError, match="set the destination to the folder that it is in"):
        destination.delete(handle.format(start=destination._start))


def test_a_host_of_ssh_config_is_reached_by_its_name_there(server, home_of_its_own):
    settings = server.settings()
    (home_of_its_own / ".ssh" / "config").write_text(
        f"Host box\n  HostName 127.0.0.1\n  Port {server.port}\n  User {settings['user']}\n"
        f"  IdentityFile {server.key}\n  UserKnownHostsFile {server.known_hosts}\n"
    )
    with opened({"host": "box", "path": str(server.home / "box")}) as destination:
        destination.check(Wish())


def test_a_jump_that_is_not_made_is_said(home_of_its_own):
    (home_of_its_own / ".ssh" / "config").write_text("Host box\n  ProxyJump gate\n")
    with pytest.raises(ConfigError, match="write ProxyCommand ssh -W %h:%p gate"), opened({"host": "box", "path": "a"}):
        pass


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"host": ""}, "is like example.org"),
        ({"host": "me@example.org"}, "is like example.org"),
        ({"host": "-oProxyCommand=evil"}, "is like example.org"),
        ({"path": ""}, "a folder on the server"),
        ({"path": "~/photos"}, "a folder on the server"),
        ({"path": "a/../../b"}, "a folder on the server"),
        ({"key": "/no/such/key"}, "no private key"),
        ({"port": "ssh"}, "a number from 1 to 65535"),
        ({"port": "70000"}, "a number from 1 to 65535"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, reason):
    with pytest.raises(ConfigError, match=reason), opened({"host": "example.org", "path": "photos", **settings}):
        pass


def test_a_server_whose_key_is_unknown_is_sent_nothing(server, tmp_path):
    with opened(server.settings(**{"known-hosts": str(tmp_path / "none")})) as destination:
        with pytest.raises(
            UntrustedError, match=r"is not known \(ssh-ed25519 SHA256:.*sign in once with the command sftp"
        ):
            destination.check(Wish())
        assert not (tmp_path / "none").exists()


def test_a_server_whose_key_changed_is_sent_nothing(server, tmp_path):
    other = sshd.keygen(tmp_path / "other")
    (tmp_path / "hosts").write_text(f"[127.0.0.1]:{server.port} {other}\n")
    before = (tmp_path / "hosts").read_bytes()
    refused = pytest.raises(UntrustedError, match=r"another key than it had.*ssh-keygen -R")
    with opened(server.settings(**{"known-hosts": str(tmp_path / "hosts")})) as destination, refused:
        destination.put(item(), Wish())
    assert (tmp_path / "hosts").read_bytes() == before


def test_a_wrong_password_is_said_and_not_shown(server, tmp_path):
    refused = pytest.raises(CredentialsError, match="refused user, key and password")
    sshd.keygen(tmp_path / "other")
    with opened(server.settings(key=str(tmp_path / "other")), password=KEPT) as destination, refused as error:
        destination.check(Wish())
    assert KEPT not in str(error.value)


def test_a_key_with_a_passphrase_needs_it(tmp_path_factory):
    with sshd.running(tmp_path_factory.mktemp("locked"), passphrase=KEPT) as server:
        with opened(server.settings(), passphrase=KEPT) as destination:
            destination.check(Wish())
        with opened(server.settings()) as destination, pytest.raises(CredentialsError, match="passphrase"):
            destination.check(Wish())


@pytest.mark.parametrize("refusal", [PermissionError(13, "Permission denied"), OSError("Operation unsupported")])
def test_a_server_that_refuses_to_set_permissions_takes_what_is_public_and_else_nothing(
    destination, there, monkeypatch, refusal
):
    def chmod(*_):
        raise refusal

    written = []
    monkeypatch.setattr(paramiko.SFTPFile, "chmod", chmod)
    monkeypatch.setattr(
        paramiko.SFTPFile, "write", lambda *given, inner=paramiko.SFTPFile.write: written.append(1) or inner(*given)
    )
    for call in (lambda: destination.check(Wish()), lambda: destination.put(item(), Wish())):
        with pytest.raises(AudienceError, match=r"nothing was uploaded; choose another folder, or pass --public"):
            call()
    assert written == []
    assert list(there.iterdir()) == []
    destination.check(PUBLIC)
    assert destination.put(item(), PUBLIC).audience is Audience.PUBLIC


def test_folders_on_the_way_that_may_not_be_looked_at_are_no_reason_to_stop(destination, there, monkeypatch):
    destination.check(Wish())
    inner = paramiko.SFTPClient.lstat

    def lstat(self, path):
        if there.is_relative_to(path) and str(there) != path:
            raise PermissionError(13, "Permission denied")
        return inner(self, path)

    monkeypatch.setattr(paramiko.SFTPClient, "lstat", lstat)
    destination.check(Wish())
    assert destination.put(item(), Wish()).audience is Audience.OWNER

"""What goes wrong on the way to SFTP: OpenSSH's server behind a wire that is cut, and with a disk that is full."""

import errno
import io
import secrets
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from PIL import Image

from cloak.errors import TransferError, TransientError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Item, Wish, clear
from cloak.upload.destinations.sftp import Sftp

from .items import item
from .servers import sshd
from .servers.proxy import Proxy
from .servers.sshd import Sshd


@pytest.fixture(autouse=True)
def home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd.running(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def wire(server: Sshd) -> Iterator[Proxy]:
    with Proxy(server.port).running() as wire:
        yield wire


@pytest.fixture
def there(server: Sshd) -> Path:
    return server.home / secrets.token_hex(4)


@pytest.fixture
def destination(server: Sshd, wire: Proxy, there: Path, tmp_path: Path) -> Iterator[Sftp]:
    hosts = server.known_hosts.read_text().replace(f":{server.port} ", f":{wire.port} ")
    (tmp_path / "hosts").write_text(hosts)
    made = connect(server, path=str(there), port=str(wire.port), **{"known-hosts": str(tmp_path / "hosts")})
    yield made
    made.close()


def connect(server: Sshd, **settings: str) -> Sftp:
    return Sftp.open(server.settings(**settings), Credentials("test"))


def large() -> Item:
    """A photo of which the network takes more than one packet."""
    file = io.BytesIO()
    Image.effect_noise((400, 400), 100).convert("RGB").save(file, "PNG")
    return Item(name=f"{secrets.token_hex(16)}.png", file=clear(file.getvalue()))


def held(there: Path) -> list[str]:
    return sorted(path.name for path in there.rglob("*") if path.is_file())


# the banner, the exchange of keys, signing in, the mode, the photo's beginning, its middle
@pytest.mark.parametrize("after", [0, 10, 1_000, 2_500, 5_000, 10_000, 100_000, 300_000])
def test_a_wire_cut_at_any_phase_is_worth_another_try_and_leaves_one_photo(destination, wire, there, after):
    one = large()
    wire.sent = after
    with pytest.raises(TransientError):
        destination.put(one, Wish())
    wire.heal()
    assert set(held(there)) <= {f".cloak-{one.name}.part"}
    if there.exists():
        assert (destination.find(one.name) is not None) == bool(held(there))
    placed = destination.put(one, Wish())
    assert held(there) == [one.name]
    assert (there / one.name).read_bytes() == one.file.data
    destination.delete(placed.handle)
    assert held(there) == []


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("operation", ["posix_rename", "lstat", "mkdir", "remove"])
def test_a_wire_cut_around_any_operation_leaves_what_is_found_again(destination, there, monkeypatch, operation, done):
    one = item()
    real = getattr(paramiko.SFTPClient, operation)
    cuts = []

    def cut(self, *arguments):
        if not cuts:
            cuts.append(operation)
            if done:
                real(self, *arguments)
            self.sock.get_transport().sock.close()
        return real(self, *arguments)

    monkeypatch.setattr(paramiko.SFTPClient, operation, cut)
    try:
        placed = destination.put(one, Wish(album="Summer"))
        destination.delete(placed.handle)
    except TransientError:
        placed = destination.put(one, Wish(album="Summer"))
        assert held(there) == [one.name]
        destination.delete(placed.handle)
    assert cuts
    assert held(there) == []
    assert destination.find(one.name) is None


def test_what_is_left_when_the_server_stays_away_is_said_and_found_later(destination, wire, there):
    one = large()
    wire.sent, wire.most = 100_000, 1
    with pytest.raises(TransientError, match=f"{one.name} may still be there, whole or in part"):
        destination.put(one, Wish())
    wire.heal()
    handle = destination.find(one.name)
    assert handle is not None
    assert destination.look(handle) is not None
    destination.delete(handle)
    assert held(there) == []
    assert destination.find(one.name) is None


def test_a_full_disk_leaves_nothing_behind(tmp_path_factory):
    # the signal that would end the server is ignored, so that it answers as it does on a full disk
    with sshd.running(tmp_path_factory.mktemp("full"), before="trap '' XFSZ\nulimit -f 8") as server:
        made = connect(server)
        made.check(Wish())
        with pytest.raises(TransferError, match=r"kept 4,096 of [\d,]+ bytes: its disk may be full") as error:
            made.put(large(), Wish())
        assert not isinstance(error.value, TransientError)
        assert "may still be there" not in str(error.value)
        assert held(server.home / "photos") == []
        assert made.put(item(), Wish()).handle
        made.close()


def test_a_folder_that_may_not_be_written_to_ends_the_upload(tmp_path_factory):
    folder = tmp_path_factory.mktemp("denied")
    with sshd.running(folder, options="-R") as server:
        made = connect(server)
        with pytest.raises(UploadError, match="permission is denied: choose another folder"):
            made.check(Wish())
        made.close()


def test_a_retry_does_not_write_over_what_a_cut_left_since_some_servers_forbid_that(
    destination, wire, there, monkeypatch
):
    real = paramiko.SFTPClient.open

    def once(self, path, mode):
        if Path(path).exists():
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(self, path, mode)

    monkeypatch.setattr(paramiko.SFTPClient, "open", once)
    one = large()
    wire.sent = 100_000
    with pytest.raises(TransientError):
        destination.put(one, Wish())
    wire.heal()
    (there / f".cloak-{one.name}.part").write_bytes(b"left")
    destination.put(one, Wish())
    assert held(there) == [one.name]


def test_a_photo_that_arrived_short_is_not_taken_for_whole(destination, there, monkeypatch):
    monkeypatch.setattr(paramiko.SFTPFile, "write", lambda *_: None)
    with pytest.raises(TransferError, match="kept 0 of"):
        destination.put(item(), Wish())
    assert held(there) == []


def test_a_server_without_the_extension_for_renaming_is_served(tmp_path_factory):
    with sshd.running(tmp_path_factory.mktemp("plain"), options="-P posix-rename") as server:
        made, one = connect(server), item()
        for _ in range(2):
            made.put(one, Wish())
        assert held(server.home / "photos") == [one.name]
        made.close()


def test_a_server_that_greets_where_nobody_reads_is_said_to_speak_no_sftp(tmp_path_factory):
    """As one line with echo in the .bashrc there brings about: paramiko's error for it is of no family of errors."""
    with sshd.running(tmp_path_factory.mktemp("greets"), before="echo Welcome to the box") as server:
        made = connect(server)
        for act in (lambda: made.check(Wish()), lambda: made.put(item(), Wish()), lambda: made.find("a.jpg")):
            with pytest.raises(UploadError, match=r"does not speak SFTP.*\.bashrc"):
                act()
        made.close()


def test_an_answer_out_of_step_ends_one_photo_and_the_connection(destination, there, monkeypatch):
    destination.check(Wish())
    real, left = paramiko.SFTPClient.lstat, [1]

    def once(self, path):
        if left:
            left.pop()
            raise paramiko.SFTPError("Expected attributes")
        return real(self, path)

    monkeypatch.setattr(paramiko.SFTPClient, "lstat", once)
    with pytest.raises(TransferError, match="is none of SFTP"):
        destination.put(item(), Wish())
    destination.put(item(), Wish())
    assert len(held(there)) == 1

"""`cloak upload setup`: it tries a destination out, and keeps what works, or what one insists on."""

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloak.errors import CredentialsError, UploadError
from cloak.upload import places
from cloak.upload.destination import Audience, Placed, Wish
from cloak.upload.destinations.sftp import Sftp
from cloak.upload.ledger import Ledger
from cloak.upload.trial import try_out

from .kinds import REMOTE, held, pixelfed
from .servers import sshd, wsgidav
from .servers.gate import Gate
from .servers.loopback import Answer
from .servers.nextcloud_fake import NextcloudFake


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", wsgidav.PASSWORD)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wsgidav")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with wsgidav.running(folder) as address:
        yield address


@pytest.fixture
def gate(server: str) -> Iterator[Gate]:
    gate = Gate(server)
    with gate.running():
        yield gate


def setup(*options: str, answers: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloak.cli.main", "upload", "setup", "nas", *options]
    return subprocess.run(command, input=answers, capture_output=True, text=True, check=False)


def kept() -> dict[str, dict[str, str]]:
    path = places.config()
    found: dict[str, dict[str, str]] = tomllib.loads(path.read_text())["destinations"] if path.exists() else {}
    return found


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


def test_what_works_is_said_with_who_sees_uploads_and_leaves_nothing_there(server, folder):
    done = setup("--kind", "webdav", answers=f"{server}/photos\n{wsgidav.USER}\n7d\n")
    assert done.returncode == 0, done.stderr
    assert "It lets you in, took a picture of noise, and let go of it again." in done.stdout
    assert "only you can see it" in done.stdout
    assert "It ends nothing by itself: `cloak uploads purge` deletes what is due" in done.stdout
    assert kept()["nas"]["expires"] == "7d"
    assert files(folder) == []


def test_links_that_the_server_ends_are_said_with_their_end_and_password(server, folder):
    fake = NextcloudFake(server, folder / "files", wsgidav.USER, wsgidav.PASSWORD)
    with fake.running():
        done = setup("--kind", "nextcloud", answers=f"{fake.address}\n{wsgidav.USER}\nsafe\n7d\nlink\n")
        assert done.returncode == 0, done.stderr
        assert "whoever has the link can see it, which has a password" in done.stdout
        assert "It ends them by itself: what is uploaded now, on " in done.stdout
        assert (fake.shares, files(folder)) == ({}, [])


@pytest.mark.parametrize(("options", "insists"), [((), "n"), ((), "y"), (("--no-check",), "")])
def test_what_does_not_work_is_kept_only_on_request(gate, monkeypatch, options, insists):
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", "wrong-s3cret")
    answers = f"{gate.address}/photos\n{wsgidav.USER}\n7d\n{insists}\n"
    done = setup("--kind", "webdav", *options, answers=answers)
    assert "wrong-s3cret" not in done.stdout + done.stderr
    if options:
        assert (done.returncode, gate.requests) == (0, [])
    else:
        assert "nas was tried, and does not work: " in done.stderr
        assert "answered 401: check user and password" in done.stderr
        assert done.returncode == (0 if insists == "y" else 1)
    assert ("nas" in kept()) is (insists != "n")


def test_a_server_that_takes_photos_and_does_not_let_go_of_them_is_said_to(gate, folder):
    gate.fail("DELETE", "/photos", Answer(403), times=9)
    done = setup("--kind", "webdav", answers=f"{gate.address}/photos\n{wsgidav.USER}\n7d\nn\n")
    assert done.returncode == 1
    assert "does not work" in done.stderr
    assert kept() == {}
    (left,) = files(folder)
    assert left.name in done.stderr  # the user can delete what the server does not let us
    left.unlink()


def test_of_secrets_that_need_not_be_it_is_said_that_they_need_not(monkeypatch):
    monkeypatch.delenv("CLOAK_NAS_PASSWORD")
    done = setup("--kind", "sftp", "--no-check", answers="example.org\nphotos\nme\n\n\n\n7d\n")
    assert done.returncode == 0, done.stderr
    for name in ("password", "passphrase"):
        assert f"if nas needs its {name}, set CLOAK_NAS_{name.upper()} before" in done.stderr
    done = setup("--kind", "webdav", "--no-check", answers="https://example.org/photos\nme\n7d\n")
    assert "keeps secrets: set CLOAK_NAS_PASSWORD before" in done.stderr


def test_comments_and_what_others_wrote_stay(home, tmp_path):
    home.mkdir()
    places.config().write_text(
        "# mine\n[destinations.other]  # the old one\nkind = 'folder'\npath = '/x'  # where else\n\n"
        '[destinations.nas]\nkind = "folder"\npath = "/y"  # to change\n\n[elsewhere]\na = 1  # not ours\n'
    )
    done = setup("--kind", "folder", answers=f"{tmp_path / 'there'}\n2w\n")
    assert done.returncode == 0, done.stderr
    text = places.config().read_text()
    comments = ("# mine", "# the old one", "# where else", "# to change", "# not ours")
    assert [comment for comment in comments if comment not in text] == []
    assert kept()["nas"] == {"kind": "folder", "path": str(tmp_path / "there"), "expires": "2w", "audience": "owner"}
    assert places.config().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("answer", "options"), [("n", ()), ("y", ()), ("", ("--yes",))])
def test_to_lose_sight_of_uploads_that_are_there_has_to_be_confirmed(tmp_path, answer, options):
    first, second = tmp_path / "first", tmp_path / "second"
    assert setup("--kind", "folder", answers=f"{first}\n7d\n").returncode == 0
    with Ledger.open() as ledger:
        one = ledger.begin(destination="nas", name="a.jpg", sha256="", size=1, run="r", expires=None)
        ledger.place(one, Placed(handle=str(first / "a.jpg"), audience=Audience.OWNER))
    again = setup("--kind", "folder", answers=f"{first}\n9d\n")
    assert (again.returncode, "nobody here can delete them" in again.stderr) == (0, False)
    done = setup("--kind", "folder", *options, answers=f"{second}\n7d\n{answer}\n")
    assert "1 upload of yours is where nas was set up before" in done.stderr
    assert done.returncode == (1 if answer == "n" else 0)
    assert kept()["nas"]["path"] == str(first if answer == "n" else second)


def test_a_new_name_at_the_same_address_asks_nothing(server):
    assert setup("--kind", "webdav", answers=f"{server}/photos\n{wsgidav.USER}\n7d\n").returncode == 0
    with Ledger.open() as ledger:
        ledger.begin(destination="nas", name="a.jpg", sha256="", size=1, run="r", expires=None)
    done = setup("--kind", "webdav", "--no-check", answers=f"{server}/photos\nanother\n7d\n")
    assert (done.returncode, "set up before" in done.stderr) == (0, False)
    assert kept()["nas"]["user"] == "another"


@pytest.mark.parametrize("kind", REMOTE)
def test_every_destination_can_be_tried_and_is_left_as_it_was(kind: Callable[..., object], tmp_path: Path):
    ends = datetime.now(UTC) + timedelta(days=3)
    with kind(tmp_path) as destination, closing(destination):
        audience = destination.AUDIENCES[0]
        tried = try_out(destination, Wish(audience=audience, expires=ends), "d")
        assert tried.written is (kind is not pixelfed)  # followers would have seen it
        assert tried.audience is (Audience.OWNER if tried.written else None)


def test_a_server_that_can_only_be_read_is_said_to_be(tmp_path):
    with sshd.running(tmp_path, options="-R") as server, closing(Sftp.open(server.settings(), held())) as destination:
        with pytest.raises(UploadError, match="permission is denied"):
            try_out(destination, Wish(), "d")
        with closing(Sftp.open(server.settings(user="nobody-of-here"), held())) as stranger:  # noqa: SIM117
            with pytest.raises(CredentialsError):
                try_out(stranger, Wish(), "d")


def test_of_a_bucket_it_is_asked_which_addresses_may_show_it_to_everybody():
    answers = "photos\nhttps://s3.example.org\n\n\n\n\nhttps://photos.example.org\n7d\n\n"
    done = setup("--kind", "s3", "--no-check", answers=answers)
    assert done.returncode == 0, done.stderr
    assert kept()["nas"]["public-address"] == "https://photos.example.org"

"""WebDAV: wsgidav where the claim is about files and who may read them, copyparty where it is about their end."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloak.errors import AudienceError, ConfigError, TransferError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.webdav import WebDav

from .contract import Contract
from .items import item
from .servers import copyparty, wsgidav
from .servers.programs import free_port

PUBLIC = Wish(audience=Audience.PUBLIC)


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def connect(address: str, password: str, user: str = "me") -> WebDav:
    secrets = {"test.password": password}
    return WebDav.open({"url": address, "user": user}, Credentials("test", secrets.get))


@contextmanager
def opened(address: str, password: str) -> Iterator[WebDav]:
    destination = connect(address, password)
    yield destination
    destination.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("wsgidav")
    with wsgidav.running(folder) as address:
        yield address, folder / "files"


@pytest.fixture
def destination(server: tuple[str, Path], request: pytest.FixtureRequest) -> Iterator[WebDav]:
    with opened(f"{server[0]}/{abs(hash(request.node.name))}", wsgidav.PASSWORD) as destination:
        yield destination


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("copyparty")
    with copyparty.running(folder) as address:
        yield address, folder / "files"


@pytest.fixture(scope="module")
def passing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("lifetime")
    with copyparty.running(folder, lifetime=600) as address:
        yield address, folder / "files"


def test_a_link_can_be_clicked_on_and_the_handle_stays_as_it_was(server):
    with opened(f"{server[0]}/Fotos für alle", wsgidav.PASSWORD) as destination:
        placed = destination.put(item(), Wish(album="Sömmer"))
        assert placed.handle.startswith(f"{server[0]}/Fotos für alle/")
        assert str(placed.link).startswith(f"{server[0]}/Fotos%20f%C3%BCr%20alle/S%C3%B6mmer/")
        assert destination.look(placed.handle).link == placed.link
        destination.delete(placed.handle)


class TestContractOnWsgidav(Contract):
    @pytest.fixture
    def destination(self, server, request):
        with opened(f"{server[0]}/{abs(hash(request.node.name))}", wsgidav.PASSWORD) as destination:
            yield destination

    @pytest.fixture
    def secrets(self):
        return (wsgidav.PASSWORD,)

    @pytest.fixture
    def broken(self):
        with opened(f"http://127.0.0.1:{free_port()}", wsgidav.PASSWORD) as destination:
            yield destination

    def interrupt(self, destination, one, wish):  # noqa: ARG002 -- the contract's
        destination._make("")
        destination._dav.put(one.name, one.file.data[:100], "image/jpeg", {})


class TestContractOnCopyparty(Contract):
    @pytest.fixture
    def destination(self, lasting, request):
        with opened(f"{lasting[0]}/{abs(hash(request.node.name))}", copyparty.PASSWORD) as destination:
            yield destination


def test_without_the_account_a_photo_is_refused_and_with_it_the_same_bytes_come_back(destination):
    one = item()
    placed = destination.put(one, Wish(album="Sömmer"))
    assert placed.audience is Audience.OWNER
    assert placed.expires is None
    assert httpx.get(placed.handle).status_code == 401
    assert httpx.get(placed.handle, auth=(wsgidav.USER, wsgidav.PASSWORD)).content == one.file.data


def test_where_everybody_may_read_no_photo_leaves_without_public(tmp_path):
    with ExitStack() as stack:
        address = stack.enter_context(wsgidav.running(tmp_path, everybody=True))
        destination = stack.enter_context(opened(f"{address}/photos", "any"))
        with pytest.raises(AudienceError, match=r"nothing was uploaded.*pass --public"):
            destination.check(Wish())
        with pytest.raises(AudienceError, match="the photo was deleted again"):
            destination.put(item(), Wish(album="Summer"))
        assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
        destination.check(PUBLIC)
        placed = destination.put(item(), PUBLIC)
        assert placed.audience is Audience.PUBLIC
        assert httpx.get(placed.link).status_code == 200


def test_a_check_leaves_nothing_but_the_folder(destination, server):
    destination.check(Wish())
    folder = server[1] / destination._dav.root.rpartition("/")[2]
    assert list(folder.iterdir()) == []


def test_copyparty_deletes_a_photo_when_it_said_it_would(passing):
    with opened(f"{passing[0]}/photos", copyparty.PASSWORD) as destination:
        asked = soon(5)
        placed = destination.put(item(), Wish(expires=asked))
        assert placed.audience is Audience.OWNER
        assert placed.expires is not None
        assert abs((placed.expires - asked).total_seconds()) < 3
        assert destination.look(placed.handle).expires == placed.expires
        end = time.monotonic() + 30
        while destination.look(placed.handle) and time.monotonic() < end:
            time.sleep(0.5)
        assert datetime.now(UTC) >= placed.expires - timedelta(seconds=1)
        assert destination.look(placed.handle) is None
        assert list(passing[1].rglob(placed.handle.rpartition("/")[2])) == []


def test_a_folder_that_ends_sooner_than_asked_says_so(passing):
    with opened(f"{passing[0]}/photos", copyparty.PASSWORD) as destination:
        placed = destination.put(item(), Wish(expires=soon(86400)))
        assert abs((placed.expires - soon(600)).total_seconds()) < 10


def test_a_copyparty_without_a_lifetime_leaves_the_expiry_to_the_ledger(lasting):
    with opened(f"{lasting[0]}/photos", copyparty.PASSWORD) as destination:
        assert destination.put(item(), Wish(expires=soon(5))).expires is None


def test_a_server_whose_disk_is_not_there_has_not_deleted_anything(destination, server):
    placed = destination.put(item(), Wish())
    folder = server[1] / destination._dav.root.rpartition("/")[2]
    folder.rename(folder.with_name("elsewhere"))
    for call in (destination.look, destination.delete, destination.find):
        with pytest.raises(TransferError, match="nobody knows whether"):
            call(placed.handle)


@pytest.mark.parametrize("handle", ["/a.jpg", "https://example.org/a.jpg", "{root}/../a.jpg", "{root}/", "{root}"])
def test_handles_lead_nowhere_else(destination, handle):
    with pytest.raises(TransferError, match="set the destination to the folder that it is in"):
        destination.delete(handle.format(root=destination._dav.root))


def test_a_folder_within_one_that_is_not_there_is_refused_with_a_reason(server):
    destination = connect(f"{server[0]}/no/such/photos", wsgidav.PASSWORD)
    with pytest.raises(UploadError, match="the one that it is in does not exist"):
        destination.check(Wish())
    destination.close()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://example.org/dav", "unencrypted: write https://"),
        ("http://127.0.0.1.example.org/dav", "unencrypted"),
        ("https://me:pw@example.org/dav", "must not hold a user or a password"),
        ("ftp://example.org", "is like https://"),
        ("example.org/dav", "is like https://"),
        ("", "is like https://"),
    ],
)
def test_addresses_that_would_give_something_away_are_refused(address, reason):
    with pytest.raises(ConfigError, match=reason) as refused:
        connect(address, "pw")
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("user", ["", "a:b"])
def test_a_user_has_a_name_without_a_colon(user):
    with pytest.raises(ConfigError, match="without a colon"):
        connect("https://example.org", "pw", user)

"""Nextcloud: a strict fake of its shares and trash bin over real WebDAV."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloak.errors import AudienceError, ConfigError, CredentialsError, TransferError, TransientError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.nextcloud import Nextcloud

from .contract import Contract
from .items import item
from .servers import wsgidav
from .servers.loopback import Answer, Cut
from .servers.nextcloud_fake import SHARES, NextcloudFake
from .servers.programs import free_port


def soon(**span: float) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


LINK = Wish(audience=Audience.LINK, expires=soon(days=30))


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("nextcloud")
    with wsgidav.running(folder) as address:
        yield address, folder / "files"


@pytest.fixture
def server(behind: tuple[str, Path]) -> Iterator[NextcloudFake]:
    fake = NextcloudFake(*behind, wsgidav.USER, wsgidav.PASSWORD)
    with fake.running():
        yield fake


@contextmanager
def opened(address: str, folder: str, password: str = wsgidav.PASSWORD) -> Iterator[Nextcloud]:
    held = {"test.password": password}
    settings = {"url": address, "user": wsgidav.USER, "folder": folder}
    destination = Nextcloud.open(settings, Credentials("test", held.get))
    yield destination
    destination.close()


@pytest.fixture
def destination(server: NextcloudFake) -> Iterator[Nextcloud]:
    with opened(server.address, secrets.token_hex(4)) as destination:
        yield destination


def copies(server: NextcloudFake, name: str) -> list[str]:
    return [path.name for path in server.home.parents[1].rglob(f"{name}*")]


class TestContract(Contract):
    @pytest.fixture
    def destination(self, server):
        with opened(server.address, secrets.token_hex(4)) as destination:
            yield destination

    @pytest.fixture
    def secrets(self):
        return (wsgidav.PASSWORD,)

    @pytest.fixture
    def broken(self):
        with opened(f"http://127.0.0.1:{free_port()}", "photos") as destination:
            yield destination


class TestContractWithLinks(TestContract):
    wish = LINK


def test_by_default_nothing_is_shared_and_others_are_refused(destination, server):
    placed = destination.put(item(), Wish(album="Sömmer"))
    assert (placed.audience, placed.password) == (Audience.OWNER, None)
    assert server.shares == {}
    assert httpx.get(placed.handle).status_code == 401


def test_a_link_has_a_password_and_an_end_that_is_not_later_than_asked(destination, server):
    placed = destination.put(item(), LINK)
    share = next(iter(server.shares.values()))
    assert placed.audience is Audience.LINK
    assert placed.link == share["url"]
    assert len(placed.password) >= 20
    assert LINK.expires - timedelta(days=1, hours=13) < placed.expires <= LINK.expires
    assert httpx.get(f"{placed.link}/download").status_code == 303
    assert placed.password not in repr(placed) + placed.handle
    assert placed.link not in repr(placed)


def test_no_two_links_have_the_same_password(destination):
    assert len({destination.put(item(), LINK).password for _ in range(5)}) == 5


def test_a_link_ends_at_the_server_by_itself(destination, server):
    placed = destination.put(item(), LINK)
    server.today = placed.expires.date() - timedelta(days=1)
    assert httpx.get(placed.link).status_code == 200
    server.today = placed.expires.date()
    assert httpx.get(placed.link).status_code == 404
    assert destination.look(placed.handle).audience is Audience.OWNER


@pytest.mark.parametrize("span", [{"minutes": 5}, {"hours": 20}])
def test_a_link_for_less_than_a_day_is_left_to_the_ledger_and_ends_soon_at_the_server(destination, server, span):
    placed = destination.put(item(), Wish(audience=Audience.LINK, expires=soon(**span)))
    assert placed.expires is None
    said = next(iter(server.shares.values()))["expiration"]
    assert datetime.fromisoformat(said).replace(tzinfo=UTC) < soon(days=3)


def test_a_link_without_an_expiry_has_what_the_server_gives_it(destination, server):
    assert destination.put(item(), Wish(audience=Audience.LINK)).expires is None
    server.made = {"expiration": "2099-01-01 00:00:00"}
    assert destination.put(item(), Wish(audience=Audience.LINK)).expires == datetime(2099, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"password": None}, "has no password"),
        ({"expiration": None}, "ends never"),
        ({"expiration": "2099-01-01 00:00:00"}, "ends 2099-01-01"),
        ({"permissions": 31}, r"allows more than reading \(permissions 31\)"),
        ({"share_type": 0}, "is no link"),
    ],
)
def test_a_server_that_makes_another_link_than_asked_for_gets_no_photo(destination, server, made, reason):
    one = item()
    server.made = made
    with pytest.raises(AudienceError, match=f"{reason}.*deleted again"):
        destination.put(one, LINK)
    assert copies(server, one.name) == []
    assert server.shares == {}


def test_a_link_that_opens_without_its_password_is_taken_back(destination, server):
    one = item()
    server.careless = True
    with pytest.raises(AudienceError, match="opens without its password"):
        destination.put(one, LINK)
    assert copies(server, one.name) == []


@pytest.mark.parametrize("kind", [0, 1, 3])
def test_a_folder_that_is_shared_takes_no_photos(server, kind):
    with opened(server.address, f"{secrets.token_hex(4)}/mine") as destination:
        (server.home / destination._folder).parent.mkdir()
        destination.check(Wish())
        server.share(f"/{destination._folder.partition('/')[0]}", kind)
        with pytest.raises(AudienceError, match="is shared, and so would be the photos"):
            destination.check(Wish())
        server.shares.clear()
        server.share(f"/{destination._folder}", kind)
        one = item()
        with pytest.raises(AudienceError, match="is shared, and so would be the photos"):
            destination.put(one, Wish())
        assert copies(server, one.name) == []


def test_what_is_deleted_does_not_stay_in_the_trash(destination, server):
    one = item()
    placed = destination.put(one, LINK)
    destination.delete(placed.handle)
    assert copies(server, one.name) == []
    assert server.shares == {}
    assert httpx.get(placed.link).status_code == 404


def test_a_check_leaves_nothing_not_even_in_the_trash(destination, server):
    before = list(server.trash.iterdir())
    destination.check(Wish())
    assert list(server.trash.iterdir()) == before


def test_an_upload_that_failed_leaves_nothing_in_the_trash(destination, server):
    one = item()
    server.fail("HEAD", "/remote.php", Cut.BEFORE_ANSWER)
    with pytest.raises(TransientError):
        destination.put(one, Wish())
    assert copies(server, one.name) == []


def test_what_a_failed_upload_left_in_the_trash_is_found(destination, server):
    one = item()
    placed = destination.put(one, Wish(album="Summer"))
    httpx.delete(placed.handle, auth=(wsgidav.USER, wsgidav.PASSWORD)).raise_for_status()
    destination.delete(destination.find(one.name))
    assert copies(server, one.name) == []
    assert destination.find(one.name) is None


def test_what_somebody_moved_to_the_trash_is_not_gone_yet(destination, server):
    one = item()
    placed = destination.put(one, Wish())
    httpx.delete(placed.handle, auth=(wsgidav.USER, wsgidav.PASSWORD)).raise_for_status()
    assert destination.look(placed.handle) is not None
    destination.delete(placed.handle)
    assert destination.look(placed.handle) is None
    assert copies(server, one.name) == []


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_cut_while_a_link_is_made_leaves_neither_link_nor_photo(destination, server, method, cut):
    one = item()
    destination.check(LINK)
    server.fail(method, SHARES, cut)
    with pytest.raises(TransientError):
        destination.put(one, LINK)
    assert copies(server, one.name) == []
    assert server.shares == {}
    assert destination.put(one, LINK).audience is Audience.LINK
    assert len(server.shares) == 1


def test_an_app_password_that_was_revoked_ends_the_upload(server):
    with opened(server.address, "photos", "revoked-s3cret") as destination:
        with pytest.raises(CredentialsError) as error:
            destination.check(Wish())
        assert "revoked-s3cret" not in str(error.value)


def test_what_the_server_says_is_passed_on(destination, server):
    body = {"ocs": {"meta": {"status": "failure", "statuscode": 404, "message": "Public link sharing is disabled"}}}
    server.fail("POST", SHARES, Answer(404, body))
    with pytest.raises(TransferError, match=r"answered 404 \(Public link sharing is disabled"):
        destination.put(item(), LINK)


@pytest.mark.parametrize("folder", ["", "/", "a//b", "../b"])
def test_a_folder_has_a_name(folder):
    with pytest.raises(ConfigError, match="a folder of Nextcloud is like"), opened("https://example.org", folder):
        pass


@pytest.mark.parametrize("code", [403, 404, 997])
def test_a_refusal_with_status_200_is_one(destination, server, code):
    """A proxy that replaces answers to errors, or the first version of OCS behind the address of the second."""
    destination.check(LINK)
    refused = {"ocs": {"meta": {"status": "failure", "statuscode": code, "message": "no links here"}, "data": []}}
    server.fail("POST", SHARES, Answer(200, refused))
    with pytest.raises(TransferError, match=r"no links here|not understood"):
        destination.put(item(), LINK)
    assert not server.shares
    assert not list(server.trash.iterdir())


def test_a_link_that_is_gone_when_it_is_looked_at_is_said_to_be(destination, server):
    destination.check(LINK)
    nothing = {"ocs": {"meta": {"status": "ok", "statuscode": 200, "message": "OK"}, "data": []}}
    server.fail("GET", f"{SHARES}/", Answer(200, nothing))
    with pytest.raises(TransferError, match="was made, and is gone again"):
        destination.put(item(), LINK)


@pytest.mark.parametrize("data", ["no list", {"a": 1}, 5])
def test_shares_that_are_no_list_are_not_taken_for_none(destination, server, data):
    destination.check(Wish())
    server.fail("GET", SHARES, Answer(200, {"ocs": {"meta": {"statuscode": 200}, "data": data}}))
    with pytest.raises(TransferError, match="not understood"):
        destination.put(item(), Wish())

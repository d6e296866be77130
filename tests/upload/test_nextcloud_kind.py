"""A Nextcloud set up as kind webdav, and what is like Nextcloud set up as kind nextcloud."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from cloak.errors import TransferError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.nextcloud import Nextcloud
from cloak.upload.destinations.webdav import WebDav

from .items import item
from .servers import wsgidav
from .servers.loopback import Answer
from .servers.nextcloud_fake import NextcloudFake

HELD = Credentials("n", lambda _: wsgidav.PASSWORD)


@pytest.fixture
def server(tmp_path) -> Iterator[NextcloudFake]:
    with wsgidav.running(tmp_path) as address:
        fake = NextcloudFake(address, tmp_path / "files", wsgidav.USER, wsgidav.PASSWORD)
        with fake.running():
            yield fake


@contextmanager
def opened(server: NextcloudFake, folder: str) -> Iterator[Nextcloud]:
    settings = {"url": server.address, "user": wsgidav.USER, "folder": folder}
    with closing(Nextcloud.open(settings, HELD)) as destination:
        yield destination


def copies(server: NextcloudFake, name: str) -> list[str]:
    return [path.name for path in server.home.parents[1].rglob(f"{name}*")]


@contextmanager
def as_webdav(url: str) -> Iterator[WebDav]:
    with closing(WebDav.open({"url": url, "user": wsgidav.USER}, HELD)) as destination:
        yield destination


@pytest.mark.parametrize("root", [f"dav/files/{wsgidav.USER}", "webdav"])
def test_kind_webdav_puts_nothing_into_a_nextcloud_and_says_which_kind_does(server, root):
    """It would not see shares, and what it deletes stays in the trash bin."""
    with as_webdav(f"{server.address}/remote.php/{root}/photos") as destination:
        for act in (lambda: destination.check(Wish()), lambda: destination.put(item(), Wish())):
            with pytest.raises(UploadError, match="nothing was uploaded; set it up again as kind nextcloud"):
                act()
    assert not {"PUT", "MKCOL"} & {method for method, _ in server.requests}


def test_what_kind_webdav_left_in_a_nextcloud_is_taken_away_and_called_gone_once_the_kind_is_right(server):
    folder = secrets.token_hex(4)
    with opened(server, folder) as destination:
        first, second = (destination.put(item(seed=seed), Wish()).handle for seed in (1, 2))
        with as_webdav(first.rpartition("/")[0]) as earlier:
            with pytest.raises(UploadError, match="nobody here can tell who sees the photo"):
                earlier.look(first)
            with pytest.raises(TransferError, match=r"put into that.*kind nextcloud"):
                earlier.delete(first)
        name = first.rpartition("/")[2]
        assert [each.startswith(f"{name}.d") for each in copies(server, name)] == [True]
        assert destination.look(first) is not None
        destination.delete(first)
        assert destination.look(first) is None
        older = second.replace(f"dav/files/{wsgidav.USER}", "webdav")
        assert destination.look(older).audience is Audience.OWNER
        destination.delete(older)
        assert destination.look(second) is None
        assert copies(server, second.rpartition("/")[2]) == []


@pytest.mark.parametrize("version", [(10, 15, 0), (14, 0, 0)])
def test_owncloud_is_said_to_be_none_that_is_known_and_nothing_there_is_called_gone(server, version):
    server.version = version
    with opened(server, secrets.token_hex(4)) as destination:
        with pytest.raises(UploadError, match=r"no Nextcloud from 15 on.*as ownCloud does"):
            destination.check(Wish())
        address = destination._files.address("a.jpg")
        for act in (lambda: destination.delete(address), lambda: destination.find("a.jpg")):
            (server.home / destination._folder).mkdir(exist_ok=True)
            with pytest.raises(UploadError, match="ownCloud"):
                act()


def test_a_server_that_does_not_answer_as_nextcloud_does_is_told_from_it(server):
    for answer in (Answer(404), Answer(200, b"<ocs/>"), Answer(200, {"ocs": {"meta": {}, "data": {"version": {}}}})):
        server.fail("GET", "/ocs/v2.php/cloud/capabilities", answer)
        with opened(server, "photos") as destination, pytest.raises((UploadError, TransferError)) as raised:
            destination.check(Wish())
        assert "that of Nextcloud" in str(raised.value) or "that it is Nextcloud" in str(raised.value)

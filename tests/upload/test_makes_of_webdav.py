"""WebDAV servers that differ from wsgidav in what they leave out, each played by a gate before it."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from cloak.errors import TransferError, UploadError
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.webdav import WebDav

from .items import item
from .kinds import held
from .servers import wsgidav
from .servers.gate import Gate, Playing
from .servers.loopback import Answer, Loopback, Request


class Make(Playing, Gate):
    """A gate that plays another make."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with wsgidav.running(tmp_path_factory.mktemp("wsgidav")) as address:
        yield address


@pytest.fixture
def make(server: str) -> Iterator[Make]:
    gate = Make(server)
    with gate.running():
        yield gate


def opened(address: str, folder: str = "photos") -> WebDav:
    settings = {"url": f"{address}/{folder}", "user": wsgidav.USER}
    return WebDav.open(settings, held(password=wsgidav.PASSWORD))


def lives(destination: WebDav, wish: Wish) -> None:
    """See that a photo is put there, found, looked at and deleted."""
    destination.check(wish)
    one = item()
    placed = destination.put(one, wish)
    assert placed.audience is Audience.OWNER
    assert destination.find(one.name) == placed.handle
    assert destination.look(placed.handle) is not None
    destination.delete(placed.handle)
    assert destination.look(placed.handle) is None
    assert destination.find(one.name) is None


def soon() -> Wish:
    return Wish(expires=datetime.now(UTC) + timedelta(days=1), album="Sommer")


@pytest.mark.parametrize("status", [500, 501, 301, 302])
def test_one_that_shows_no_folders_to_browsers_takes_photos(make: Make, status: int) -> None:
    """sabre/dav, without its plugin for browsers, answers 501 to GET of a folder; others lead to their page."""

    def own(request: Request) -> Answer | None:
        folder = request.method == "GET" and not re.search(r"\.\w+$", request.path)
        return Answer(status, b"", {"Location": "/login"} if status < 400 else {}) if folder else None

    make.own = own
    with closing(opened(make.address)) as destination:
        lives(destination, soon())


@pytest.mark.parametrize("status", [403, 405, 501])
def test_one_that_knows_no_head_takes_photos(make: Make, status: int) -> None:
    make.own = lambda request: Answer(status) if request.method == "HEAD" else None
    with closing(opened(make.address)) as destination:
        lives(destination, soon())


@pytest.mark.parametrize("status", [403, 409])
def test_one_that_refuses_to_make_a_folder_that_is_there_takes_photos(make: Make, status: int) -> None:
    made = set()

    def own(request: Request) -> Answer | None:
        if request.method == "MKCOL" and request.path in made:
            return Answer(status)
        if request.method == "MKCOL":
            made.add(request.path)
        return None

    make.own = own
    for _ in range(2):
        with closing(opened(make.address)) as destination:
            lives(destination, soon())


def test_a_page_that_answers_everything_is_not_taken_for_a_server() -> None:
    class Portal(Loopback):
        def answer(self, request: Request) -> Answer:  # noqa: ARG002
            return Answer(200, b"<!DOCTYPE html><html>Welcome to our hotel</html>", {"Content-Type": "text/html"})

    portal = Portal()
    with portal.running() as address, closing(opened(address)) as destination:
        with pytest.raises((TransferError, UploadError), match="does not speak WebDAV: check the address"):
            destination.check(Wish())
        assert "PUT" not in [method for method, _ in portal.requests]
        handle = destination.address("a.jpg")
        with pytest.raises((TransferError, UploadError)):
            destination.delete(handle)


def test_one_that_lags_behind_what_it_was_told_is_waited_for(make: Make) -> None:
    """As servers of several copies do: what is new is not seen at once, and what is gone is."""
    changed: dict[str, float] = {}

    def own(request: Request) -> Answer | None:
        if request.method in {"PUT", "DELETE"}:
            changed[request.path] = time.monotonic() * (-1 if request.method == "PUT" else 1)
        since = changed.get(request.path, 0.0)
        if request.method == "HEAD" and since and time.monotonic() - abs(since) < 1:
            return Answer(404) if since < 0 else Answer(200, b"x")
        return None

    make.own = own
    with closing(opened(make.address)) as destination:
        lives(destination, soon())
        assert [method for method, _ in make.requests].count("PUT") == 2  # one of them to try it

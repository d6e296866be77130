"""A server that finishes an upload after we gave up on it: it is found, and nothing is left that nobody knows of."""

import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cloak.upload.backoff import Backoff
from cloak.upload.cleaning import LATE
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Destination, Wish
from cloak.upload.destinations.immich import Immich
from cloak.upload.destinations.mastodon import Mastodon
from cloak.upload.destinations.nextcloud import Nextcloud
from cloak.upload.destinations.s3 import S3
from cloak.upload.destinations.webdav import WebDav
from cloak.upload.ledger import Ledger, State
from cloak.upload.purge import purge
from cloak.upload.send import Parcel, Sent, deliver

from .kinds import held
from .servers import s3rver, wsgidav
from .servers.gate import Gate
from .servers.immich_fake import ImmichFake
from .servers.loopback import Answer, Cut, Loopback, Request
from .servers.mastodon_fake import MastodonFake
from .servers.nextcloud_fake import NextcloudFake
from .servers.s3rver import BUCKET, KEY

TRIES = Backoff(attempts=2, first=0.001, most=0.001)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))


class Slow(Loopback):
    """Takes what is sent to it, hangs up, and does it when it is told to; goes before the class of a server."""

    def slow_down(self, method: str, path: str) -> None:
        self.waiting: list[Request] = []
        self.held = method, path
        self.fail(method, path, Cut.BEFORE_ANSWER, times=20)

    def answer(self, request: Request) -> Answer:
        method, path = getattr(self, "held", ("", ""))
        if request.method == method and request.path.startswith(path):
            self.waiting.append(request)
            return Answer(500)
        return super().answer(request)

    def finish(self) -> None:
        """Do what has waited; the last try is the one that got through."""
        del self.held
        self.faults.clear()
        self.answer(self.waiting[-1])


def slow(kind: type[Any], *given: Any, **named: Any) -> Any:
    return type(f"Slow{kind.__name__}", (Slow, kind), {})(*given, **named)


@contextmanager
def webdav(folder: Path) -> Iterator[tuple[Destination, Any, tuple[str, str]]]:
    with wsgidav.running(folder) as address, (server := slow(Gate, address)).running():
        made = WebDav.open({"url": f"{server.address}/x", "user": wsgidav.USER}, held(password=wsgidav.PASSWORD))
        yield made, server, ("PUT", "/x")


@contextmanager
def nextcloud(folder: Path) -> Iterator[tuple[Destination, Any, tuple[str, str]]]:
    with wsgidav.running(folder) as address:
        server = slow(NextcloudFake, address, folder / "files", wsgidav.USER, wsgidav.PASSWORD)
        with server.running():
            settings = {"url": server.address, "user": wsgidav.USER, "folder": "cloak"}
            yield Nextcloud.open(settings, held(password=wsgidav.PASSWORD)), server, ("PUT", "/remote.php")


@contextmanager
def s3(folder: Path) -> Iterator[tuple[Destination, Any, tuple[str, str]]]:
    with s3rver.running(folder) as address, (server := slow(s3rver.Gate, address)).running():
        keys = {"d.access-key-id": KEY, "d.secret-access-key": KEY}
        made = S3.open({"bucket": BUCKET, "endpoint": server.address}, Credentials("d", keys.get))
        yield made, server, ("PUT", f"/{BUCKET}/")


@contextmanager
def mastodon(folder: Path) -> Iterator[tuple[Destination, Any, tuple[str, str]]]:
    del folder
    with (server := slow(MastodonFake, version="4.3.0")).running():
        made = Mastodon.open({"server": server.address}, Credentials("d", {"d.access-token": server.token()}.get))
        yield made, server, ("POST", "/api/v1/statuses")


@contextmanager
def immich(folder: Path) -> Iterator[tuple[Destination, Any, tuple[str, str]]]:
    del folder
    with (server := slow(ImmichFake, version=(3, 0, 3))).running():
        made = Immich.open({"server": server.address}, Credentials("d", {"d.api-key": server.key()}.get))
        yield made, server, ("POST", "/api/assets")


def photo(folder: Path) -> Parcel:
    file = io.BytesIO()
    Image.effect_noise((40, 40), 100).convert("RGB").save(file, "PNG")
    path = folder / f"{secrets.token_hex(4)}.png"
    path.write_bytes(file.getvalue())
    return Parcel(source=path, path=path)


def given_up(destination: Destination, server: Any, where: tuple[str, str], ledger: Ledger, folder: Path) -> Sent:
    """Upload to a server that takes everything and answers nothing."""
    destination.check(Wish())
    server.slow_down(*where)
    (sent,) = deliver([photo(folder)], destination, ledger, place="d", wish=Wish(), backoff=TRIES)
    assert sent.placed is None
    return sent


@pytest.mark.parametrize("kind", [webdav, nextcloud, s3, immich])
def test_what_comes_late_is_found_by_the_next_purge_and_deleted(kind: Callable[..., Any], tmp_path: Path):
    with kind(tmp_path) as (destination, server, where), closing(destination), Ledger.open() as ledger:
        sent = given_up(destination, server, where, ledger, tmp_path)
        assert "nothing of it is there so far: `cloak uploads purge` looks again" in sent.reason
        (entry,) = ledger.entries()
        assert (entry.id, entry.state, entry.claim) == (sent.id, State.PENDING, None)
        assert entry.name
        server.finish()
        assert destination.find(entry.name) is not None, "it did not come late"
        (result,) = purge(ledger.due(), ledger, lambda _: destination, run="r", close=False)
        assert (result.state, result.problem) == (State.DELETED, "")
        assert destination.find(entry.name) is None
        assert [one.state for one in ledger.entries()] == [State.DELETED]


def test_a_late_post_is_found_and_deleted_where_its_picture_can_still_be_posted(tmp_path):
    """Servers before 4.4 keep the picture for a day, which is said; newer ones delete it, and refuse the late post."""
    with mastodon(tmp_path) as (destination, server, where), closing(destination), Ledger.open() as ledger:
        given_up(destination, server, where, ledger, tmp_path)
        server.finish()
        assert len(server.posts) == 1
        (result,) = purge(ledger.due(), ledger, lambda _: destination, run="r", close=False)
        assert "Mastodon before 4.4 keep for a day" in result.problem
        assert server.posts == {}
        (result,) = purge(ledger.due(), ledger, lambda _: destination, run="r", close=False)
        assert "Mastodon before 4.4 keep for a day" in result.problem
        server.media.clear()
        (result,) = purge(ledger.due(), ledger, lambda _: destination, run="r", close=False)
        assert (result.state, ledger.due()) == (State.DELETED, [])


def test_what_never_comes_is_looked_for_and_forgotten_in_the_end(tmp_path):
    with webdav(tmp_path) as (destination, server, where), closing(destination), Ledger.open() as ledger:
        given_up(destination, server, where, ledger, tmp_path)
        del server.held
        server.faults.clear()
        for _ in range(2):
            (result,) = purge(ledger.due(), ledger, lambda _: destination, run="r", close=False)
            assert (result.state, result.problem) == (State.PENDING, "")
        (entry,) = ledger.entries(State.PENDING)
        begun = int((datetime.now(UTC) - LATE - timedelta(seconds=1)).timestamp())
        ledger._execute("UPDATE uploads SET started = ? WHERE id = ?", (begun, entry.id))
        assert [one.state for one in purge(ledger.due(), ledger, lambda _: destination, run="r", close=False)] == [None]
        assert ledger.entries() == []


def test_what_a_server_refused_is_forgotten_at_once(tmp_path):
    with webdav(tmp_path) as (destination, server, _), closing(destination), Ledger.open() as ledger:
        destination.check(Wish())
        server.fail("PUT", "/x", Answer(413), times=9)
        (sent,) = deliver([photo(tmp_path)], destination, ledger, place="d", wish=Wish(), backoff=TRIES)
        assert "413" in sent.reason
        assert ledger.entries() == []

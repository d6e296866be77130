"""A server that is gone in the middle of a run: what is tried, what is said, and that the same command goes on."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloak.errors import TransientError, UnreachableError
from cloak.upload.backoff import Backoff
from cloak.upload.delivery import NOT_TRIED
from cloak.upload.destination import Destination, Wish
from cloak.upload.ledger import Ledger, State
from cloak.upload.outage import GIVE_UP, Outage
from cloak.upload.purge import purge
from cloak.upload.send import Parcel, Sent, deliver

from . import sites
from .items import item
from .servers import sshd
from .servers.proxy import Proxy
from .sites import Site

QUICK = Backoff(attempts=3, first=0.001, most=0.001)


@contextmanager
def behind(kind: Callable[[Path], object], folder: Path) -> Iterator[tuple[Site, Proxy]]:
    """A site, and a wire to its server that can be gone."""
    with ExitStack() as stack:
        if kind is sites.sftp:
            server = stack.enter_context(sshd.running(folder, password=True))
            wire = stack.enter_context(Proxy(server.port).running())
            hosts = folder / "hosts"
            hosts.write_text(server.known_hosts.read_text().replace(f":{server.port} ", f":{wire.port} "))
            settings = server.settings(port=str(wire.port), **{"known-hosts": str(hosts)})
            del settings["key"]
            site = Site(
                kind="sftp",
                settings=settings,
                held={"password": sshd.PASSWORD},
                break_down=str,
                mend=str,
                server=server,
            )
        else:
            site = stack.enter_context(kind(folder))
            (name,) = {"url", "endpoint", "server"} & set(site.settings)
            port = urlsplit(site.settings[name]).port
            wire = stack.enter_context(Proxy(port).running())
            address = site.settings[name].replace(f":{port}", f":{wire.port}")
            site = replace(site, settings={**site.settings, name: address})
        yield site, wire


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.open() as ledger:
        yield ledger


@pytest.fixture(params=sites.SITES, ids=lambda one: one.__name__)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Destination, Proxy, Wish]]:
    with behind(request.param, tmp_path) as (site, wire), closing(sites.opened(site)) as destination:
        wish = Wish(audience=destination.AUDIENCES[0])
        destination.check(wish)
        yield destination, wire, wish


def photos(number: int) -> list[Parcel]:
    return [Parcel(source=Path(f"{seed}.jpg"), content=item(seed=seed).file.data) for seed in range(number)]


def send(parcels: Iterable[Parcel], destination: Destination, ledger: Ledger, wish: Wish, **more: object) -> list[Sent]:
    return list(deliver(parcels, destination, ledger, place="nas", wish=wish, backoff=QUICK, **more))


def tries(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each photo that is put, once for each try."""
    inner, names = destination.put, []

    def put(one, wish):
        names.append(one.name)
        return inner(one, wish)

    monkeypatch.setattr(destination, "put", put)
    return names


def test_after_three_that_could_not_connect_no_more_are_tried_and_the_same_again_sends_the_rest(
    place, ledger, monkeypatch
):
    destination, wire, wish = place
    names = tries(destination, monkeypatch)

    def parcels():
        for number, one in enumerate(photos(6)):
            if number == 1:
                wire.leave()
            yield one

    first, *unreached, fifth, sixth = send(parcels(), destination, ledger, wish)
    assert first.placed
    assert [names.count(name) for name in dict.fromkeys(names)] == [1, QUICK.attempts, 1, 1]
    assert len(unreached) == GIVE_UP
    for one in unreached:
        assert one.reason.startswith("cannot ")
        assert not [word for word in ("may be", "may still", "so far", "purge") if word in one.reason]
    assert fifth.reason == sixth.reason == NOT_TRIED
    assert [entry.state for entry in ledger.entries()] == [State.PLACED]
    wire.come_back()
    results = send(photos(6), destination, ledger, wish)
    assert [(one.already, bool(one.placed)) for one in results] == [(True, False)] + [(False, True)] * 5
    entries = ledger.entries()
    assert [entry.state for entry in entries] == [State.PLACED] * 6
    assert all(destination.look(entry.handle) for entry in entries)
    assert len({entry.handle for entry in entries}) == len({entry.sha256 for entry in entries}) == 6


AFTER = {
    "webdav": ("", "_placed"),
    "nextcloud": ("", "_refuse_shared"),
    "sftp": ("", "look"),
    "s3": ("_bucket", "head"),
    "mastodon": ("", "_placed"),
    "pixelfed": ("", "_placed"),
    "immich": ("", "_check_asset"),
}
"""What each does first when a photo is there."""


def test_a_photo_that_was_sent_when_the_server_left_is_not_called_unsent(place, ledger, monkeypatch):
    destination, wire, wish = place
    inside, name = AFTER[destination.KIND]
    owner = getattr(destination, inside) if inside else destination
    inner = getattr(owner, name)

    def leave(*given: object, **named: object) -> object:
        wire.leave()
        return inner(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, leave)
        with pytest.raises(TransientError) as error:
            destination.put(item(seed=9), wish)
        assert not isinstance(error.value, UnreachableError)
        wire.come_back()
        (sent,) = send(photos(1), destination, ledger, wish)
    assert f"something of it may be there still: `cloak uploads purge` deletes it ({sent.id})" in sent.reason
    (entry,) = ledger.entries(State.PENDING)
    wire.come_back()
    assert destination.find(entry.name) is not None
    (purged,) = purge([entry], ledger, lambda _: destination, run="r", close=False)
    assert (purged.state, purged.problem) == (State.DELETED, "")
    assert destination.find(entry.name) is None


@pytest.fixture
def webdav(tmp_path: Path) -> Iterator[tuple[Destination, Proxy]]:
    with behind(sites.webdav, tmp_path) as (site, wire), closing(sites.opened(site)) as destination:
        destination.check(Wish())
        yield destination, wire


def test_a_photo_that_connects_ends_the_outage(webdav, ledger):
    destination, wire = webdav

    def parcels():
        for number, one in enumerate(photos(9)):
            if number in {1, 4}:
                wire.leave()
            if number in {3, 6}:
                wire.come_back()
            yield one

    results = send(parcels(), destination, ledger, Wish())
    assert [bool(one.placed) for one in results] == [True, False, False] * 2 + [True] * 3
    assert NOT_TRIED not in {one.reason for one in results}


def test_what_is_not_tried_is_not_made_where_it_is_known_what_there_is(webdav, ledger):
    destination, wire = webdav
    wire.leave()
    made = []

    def parcels():
        for one in photos(8):
            made.append(one.source)
            yield one

    sources = [one.source for one in photos(8)]
    results = send(parcels(), destination, ledger, Wish(), sources=sources)
    assert [one.parcel.source for one in results] == sources
    assert [one.reason == NOT_TRIED for one in results] == [False] * 3 + [True] * 5
    assert made == sources[:3]


def test_of_what_is_not_tried_it_is_still_said_that_it_is_there_or_could_not_be_made(webdav, ledger):
    destination, wire = webdav
    *others, last = photos(5)
    send([last], destination, ledger, Wish())
    wire.leave()
    broken = Parcel(source=Path("broken.jpg"), problem="no image")
    results = send([*others, broken, last], destination, ledger, Wish())
    assert [one.reason for one in results[3:]] == [NOT_TRIED, "no image", ""]
    assert results[-1].already


def test_calls_that_are_one_run_share_the_outage(webdav, ledger):
    destination, wire = webdav
    wire.leave()
    outage = Outage()
    results = [sent for one in photos(4) for sent in send([one], destination, ledger, Wish(), outage=outage)]
    assert [one.reason == NOT_TRIED for one in results] == [False] * 3 + [True]


def test_the_waits_of_later_photos_go_on_where_those_of_the_first_ended(webdav, ledger, monkeypatch):
    destination, wire = webdav
    wire.leave()
    asked, waited = [], []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr("random.uniform", lambda _, most: asked.append(most) or most)
    list(deliver(photos(5), destination, ledger, place="nas", wish=Wish()))
    assert asked == waited == [1, 2, 4, 8, 16, 32, 60]


def test_a_photo_that_was_cut_off_before_the_server_left_may_be_there(webdav, ledger):
    destination, wire = webdav
    (sent,) = send(photos(1), destination, ledger, Wish(), told=lambda *_: wire.leave())
    assert "something of it may be there still" in sent.reason
    assert [entry.id for entry in ledger.entries(State.PENDING)] == [sent.id]


def test_a_destination_that_cannot_be_reached_is_asked_once_to_delete(webdav, ledger, monkeypatch):
    destination, wire = webdav
    send(photos(4), destination, ledger, Wish())
    wire.leave()
    asked, inner = [], destination.delete
    monkeypatch.setattr(destination, "delete", lambda handle: asked.append(handle) or inner(handle))
    entries = ledger.entries()
    results = list(purge(entries, ledger, lambda _: destination, run="r", backoff=QUICK, close=False))
    assert len(asked) == QUICK.attempts
    assert all("the server cannot be reached" in one.problem for one in results)
    wire.come_back()
    results = list(purge(ledger.entries(), ledger, lambda _: destination, run="r", backoff=QUICK, close=False))
    assert [one.state for one in results] == [State.DELETED] * 4


def test_the_command_names_what_was_not_tried_and_the_same_command_sends_the_rest(cloak, tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, one in enumerate(photos(6)):
        (folder / f"{number}.jpg").write_bytes(one.content or b"")
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with behind(sites.webdav, tmp_path) as (site, wire):
        (tmp_path / "home" / "config.toml").write_text(site.table("nas"))
        monkeypatch.setenv("CLOAK_NAS_PASSWORD", site.held["password"])
        inner = Ledger.place

        def leave(*given: object) -> None:
            inner(*given)
            wire.leave()

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "place", leave)
            done = cloak("upload", folder, "--to", "nas", "--strip-only", "--json")
        told = [(one["status"], one.get("reason", "")) for one in json.loads(done.out)["photos"]]
        assert done.code == 3
        assert [status for status, _ in told] == ["uploaded"] + ["failed"] * 5
        assert [reason for _, reason in told[4:]] == [NOT_TRIED] * 2
        assert done.err.count(f"failed: {folder}") == 5
        wire.come_back()
        done = cloak("upload", folder, "--to", "nas", "--strip-only", "--json")
        assert done.code == 0
        assert [one["status"] for one in json.loads(done.out)["photos"]] == ["already there"] + ["uploaded"] * 5
        assert len(json.loads(cloak("uploads", "list", "--json").out)) == 6
        assert len(list((tmp_path / "files").rglob("*.jpg"))) == 6

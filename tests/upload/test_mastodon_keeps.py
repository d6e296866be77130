"""GoToSocial and Mastodon before 4.4 keep a picture for about a day after its post: it is not called gone before."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloak.errors import KeptError
from cloak.upload.backoff import Backoff
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations import fediverse
from cloak.upload.destinations.mastodon import Mastodon
from cloak.upload.ledger import Ledger, State
from cloak.upload.purge import purge
from cloak.upload.send import Parcel, deliver
from cloak.upload.trial import try_out

from .items import item
from .servers.mastodon_fake import MastodonFake

TRIES = Backoff(attempts=2, first=0.001, most=0.001)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fediverse, "_PATIENCE", 2.0)
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))


@pytest.fixture
def fake() -> Iterator[MastodonFake]:
    fake = MastodonFake(version="4.3.9")
    with fake.running():
        yield fake


@pytest.fixture
def destination(fake: MastodonFake) -> Iterator[Mastodon]:
    held = Credentials("m", {"m.access-token": fake.token()}.get)
    with closing(Mastodon.open({"server": fake.address}, held)) as destination:
        yield destination


def address(fake: MastodonFake) -> str:
    (media,) = fake.media.values()
    return f"{fake.address}/files/{media.token}"


def test_a_picture_that_outlives_its_post_is_asked_for_again_until_it_is_gone(
    fake: MastodonFake, destination: Mastodon
) -> None:
    placed = destination.put(item(), Wish())
    for _ in range(2):
        with pytest.raises(KeptError, match=r"keep for a day.*for whoever has its address"):
            destination.delete(placed.handle)
        assert fake.posts == {}
        seen = destination.look(placed.handle)
        assert seen is not None
        assert seen.audience is Audience.LINK
        assert httpx.get(address(fake)).status_code == 200
    assert not any(query for method, query in fake.requests if method == "DELETE" and "media" in query)
    fake.media.clear()
    destination.delete(placed.handle)
    assert destination.look(placed.handle) is None


def test_purge_calls_it_deleted_when_the_picture_is_gone_and_its_address_is_in_no_ledger(
    fake: MastodonFake, destination: Mastodon, tmp_path: Path
) -> None:
    with Ledger.open() as ledger:
        over = Wish(expires=datetime.now(UTC) + timedelta(hours=1))
        parcel = Parcel(source=tmp_path / "x", content=item().file.data)
        list(deliver([parcel], destination, ledger, place="m", wish=over, backoff=TRIES))
        later = datetime.now(UTC) + timedelta(hours=2)
        for _ in range(2):
            (one,) = purge(ledger.due(later), ledger, lambda _: destination, run="r", backoff=TRIES, close=False)
            assert (one.state, "keep for a day" in one.problem) == (None, True)
            (entry,) = ledger.entries(State.PLACED)
            assert address(fake).rpartition("/")[2] not in repr(entry)
        fake.media.clear()
        (one,) = purge(ledger.due(later), ledger, lambda _: destination, run="r", backoff=TRIES, close=False)
        assert (one.state, one.problem) == (State.DELETED, "")


def test_a_newer_server_that_left_the_picture_there_is_told_to_delete_it(fake: MastodonFake) -> None:
    fake.version, fake.keeps_media = "4.5.0", True
    held = Credentials("m", {"m.access-token": fake.token()}.get)
    with closing(Mastodon.open({"server": fake.address}, held)) as destination:
        placed = destination.put(item(), Wish())
        with pytest.raises(KeptError):
            destination.delete(placed.handle)
        assert len(fake.media) == 1
        destination.delete(placed.handle)
        assert fake.media == {}


def test_a_handle_of_an_earlier_version_names_no_picture_and_is_understood(
    fake: MastodonFake, destination: Mastodon
) -> None:
    handle = destination.put(item(), Wish()).handle.rpartition("/")[0]
    assert destination.look(handle) is not None
    with pytest.raises(KeptError):
        destination.delete(handle)
    assert fake.posts == {}


def test_an_upload_after_one_that_was_cut_is_not_given_up_for_the_picture_of_the_first(
    fake: MastodonFake, destination: Mastodon
) -> None:
    one = item()
    destination.put(one, Wish())  # the answer got lost
    placed = destination.put(one, Wish())
    assert len(fake.posts) == 1
    assert destination.find(one.name) == placed.handle


def test_the_trial_takes_it_for_something_to_know_and_not_for_a_failure(
    fake: MastodonFake, destination: Mastodon
) -> None:
    tried = try_out(destination, Wish(), "m")
    assert (tried.written, tried.audience) == (True, Audience.OWNER)
    assert "GoToSocial and Mastodon before 4.4 keep for a day" in tried.kept
    assert fake.posts == {}

"""The same photo again: what is there already is asked for, and what it lacks of what is wished is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloak.errors import CredentialsError, UnreachableError
from cloak.upload.backoff import Backoff
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.folder import Folder
from cloak.upload.destinations.immich import Immich
from cloak.upload.ledger import State
from cloak.upload.send import Parcel, deliver

from .items import item
from .servers.immich_fake import ImmichFake

QUICK = Backoff(attempts=2, first=0.001, most=0.001)


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


@pytest.fixture
def destination(there):
    return Folder.open({"path": str(there)}, Credentials("test"))


def send(destination, ledger, *, seed=0, **wish):
    parcel = Parcel(source=Path("x"), content=item(seed=seed).file.data)
    (sent,) = deliver([parcel], destination, ledger, place="nas", wish=Wish(**wish), backoff=QUICK)
    return sent


def days(number):
    return datetime.now(UTC) + timedelta(days=number)


def overdue(ledger, sent):
    ledger._execute("UPDATE uploads SET expires = 5 WHERE id = ?", (sent.id,))


def test_what_is_overdue_is_deleted_and_the_photo_uploaded_again(destination, ledger, there):
    first = send(destination, ledger, expires=days(1))
    overdue(ledger, first)
    second = send(destination, ledger, expires=days(30))
    assert second.placed
    assert [path.name for path in there.iterdir()] == [Path(second.placed.handle).name]
    assert ledger.get(first.id).state is State.DELETED
    assert ledger.due() == []


def test_what_is_overdue_and_cannot_be_deleted_stays_due_and_the_photo_is_uploaded(destination, ledger, monkeypatch):
    first = send(destination, ledger, expires=days(1))
    overdue(ledger, first)

    def refuse(_):
        raise CredentialsError("it may not be deleted")

    with monkeypatch.context() as patch:
        patch.setattr(destination, "delete", refuse)
        assert send(destination, ledger).placed
    assert [(one.id, one.problem) for one in ledger.due()] == [(first.id, "it may not be deleted")]


def test_at_a_server_that_keeps_one_of_each_content_an_overdue_one_makes_room(ledger):
    fake = ImmichFake()
    with fake.running():
        immich = Immich.open({"server": fake.address}, Credentials("i", {"i.api-key": fake.key()}.get))
        overdue(ledger, send(immich, ledger, expires=days(1)))
        assert send(immich, ledger, expires=days(1)).placed
        assert len(fake.assets) == 1
        immich.close()


def test_what_somebody_deleted_there_is_uploaded_again(destination, ledger, there):
    first = send(destination, ledger)
    Path(first.placed.handle).unlink()
    assert send(destination, ledger).placed
    assert len(list(there.iterdir())) == 1
    assert send(destination, ledger).already  # though the first is in the ledger still


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (1 / 24, 30, "is gone sooner than wished"),
        (1, None, "is gone sooner than wished"),
        (29, 30, ""),  # the same command a day later
        (30, 1, "stays for longer than wished"),
        (None, 1, "stays for longer than wished: until you delete it"),
        (None, None, ""),
    ],
)
def test_what_ends_sooner_or_later_than_wished_is_said_to(destination, ledger, first, second, words):
    ends = [None if each is None else days(each) for each in (first, second)]
    sent = send(destination, ledger, expires=ends[0])
    again = send(destination, ledger, expires=ends[1])
    assert (again.already, again.id) == (True, sent.id)
    assert [words in note for note in again.notes] == ([True] if words else [])


def test_that_fewer_people_see_it_than_wished_is_said(destination, ledger):
    send(destination, ledger)
    (note,) = send(destination, ledger, audience=Audience.PUBLIC).notes
    assert "fewer people than wished (owner): pass --again" in note


def test_that_more_people_see_it_now_than_when_it_was_uploaded_is_said(destination, ledger):
    Path(send(destination, ledger).placed.handle).chmod(0o644)
    (note,) = send(destination, ledger).notes
    assert "more people than wished: public" in note


def test_that_a_link_is_not_known_any_more_is_said(destination, ledger, monkeypatch):
    inner = destination.look
    send(destination, ledger)
    monkeypatch.setattr(destination, "look", lambda handle: replace(inner(handle), audience=Audience.LINK))
    (note,) = send(destination, ledger, audience=Audience.LINK).notes
    assert "has a link that was shown once and is kept nowhere: pass --again" in note


@pytest.mark.parametrize("error", [CredentialsError("no leave"), UnreachableError("it is away"), OSError("odd")])
def test_where_nobody_can_be_asked_it_is_not_uploaded_twice_and_that_is_said(
    destination, ledger, there, monkeypatch, error
):
    send(destination, ledger)

    def fail(_):
        raise error

    monkeypatch.setattr(destination, "look", fail)
    sent = send(destination, ledger)
    assert sent.already
    assert "taken for being there still, as nobody could be asked" in sent.notes[0]
    assert len(list(there.iterdir())) == 1


def test_a_server_that_is_away_is_not_asked_for_each_photo_that_is_there(destination, ledger, monkeypatch):
    for seed in range(6):
        send(destination, ledger, seed=seed)
    asked = []

    def away(handle):
        asked.append(handle)
        raise UnreachableError("it is away")

    monkeypatch.setattr(destination, "look", away)
    parcels = [Parcel(source=Path(str(seed)), content=item(seed=seed).file.data) for seed in range(6)]
    sent = list(deliver(parcels, destination, ledger, place="nas", wish=Wish(), backoff=QUICK))
    assert all(one.already for one in sent)
    assert len(asked) == QUICK.attempts + 2  # the first as often as any, the next two once

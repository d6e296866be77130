"""Sending and purging, against a folder that is made to fail."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloak.errors import AudienceError, CredentialsError, TransientError, UploadError, UsageError
from cloak.upload.backoff import Backoff
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.folder import Folder
from cloak.upload.ledger import Ledger, State
from cloak.upload.purge import purge
from cloak.upload.send import Parcel, check, deliver

from .items import item

QUICK = Backoff(attempts=3, first=0.001, most=0.001)
SOON = Wish(expires=datetime.now(UTC) + timedelta(hours=1))
LATER = datetime.now(UTC) + timedelta(hours=2)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


@pytest.fixture
def destination(there):
    folder = Folder.open({"path": str(there)}, Credentials("test"))
    folder.check(Wish())
    return folder


@pytest.fixture
def ledger():
    with Ledger.open() as ledger:
        yield ledger


@pytest.fixture
def parcels(tmp_path):
    made = []
    for seed in range(3):
        path = tmp_path / f"{seed}.jpg"
        path.write_bytes(item(seed=seed).file.data)
        made.append(Parcel(source=path, path=path))
    return made


def send(parcels, destination, ledger, *, wish=Wish(), **options):  # noqa: B008 -- frozen
    return list(deliver(parcels, destination, ledger, place="nas", wish=wish, backoff=QUICK, **options))


def test_what_did_not_pass_the_scan_stays_here_and_the_others_go(parcels, destination, ledger, there, examples):
    parcels[1] = Parcel(source=examples / "phone.jpg", path=examples / "phone.jpg")
    results = send(parcels, destination, ledger)
    assert [bool(one.placed) for one in results] == [True, False, True]
    assert results[1].reason
    assert len(list(there.iterdir())) == len(ledger.entries(State.PLACED)) == 2
    assert ledger.entries(State.PENDING) == []


def test_the_same_photo_is_uploaded_once_unless_asked_for_again(parcels, destination, ledger, there):
    first = send(parcels[:1], destination, ledger)[0]
    second = send(parcels[:1], destination, ledger)[0]
    assert (second.already, second.id, second.placed) == (True, first.id, None)
    assert len(list(there.iterdir())) == 1
    assert send(parcels[:1], destination, ledger, again=True)[0].placed
    assert len(list(there.iterdir())) == 2


def test_of_what_is_there_already_it_is_said_if_more_see_it_or_it_stays_for_longer(parcels, destination, ledger):
    send(parcels[:1], destination, ledger, wish=Wish(audience=Audience.PUBLIC))
    soon = Wish(expires=datetime.now(UTC) + timedelta(hours=1))
    (second,) = send(parcels[:1], destination, ledger, wish=soon)
    assert second.already
    assert [word for note in second.notes for word in ("more people", "for longer") if word in note] == [
        "more people",
        "for longer",
    ]
    send(parcels[1:2], destination, ledger, wish=soon)
    assert send(parcels[1:2], destination, ledger, wish=soon)[0].notes == ()


@pytest.mark.parametrize("case", [(-1, "time is up already"), (9, "lets it stay until")])
def test_a_server_whose_clock_or_rules_end_it_at_another_time_is_said(parcels, destination, ledger, monkeypatch, case):
    hours, word = case
    inner, end = destination.put, datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    monkeypatch.setattr(destination, "put", lambda *given: replace(inner(*given), expires=end))
    wish = Wish(expires=datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1))
    (sent,) = send(parcels[:1], destination, ledger, wish=wish)
    (note,) = sent.notes
    assert word in note
    (entry,) = ledger.entries(State.PLACED)
    assert (entry.expires, entry.server_expires) == (wish.expires, end)  # and so it is due when it was wished


def test_a_wider_audience_than_wished_is_deleted_and_ends_the_run(parcels, destination, ledger, there, monkeypatch):
    inner = destination.put
    monkeypatch.setattr(destination, "put", lambda one, _: inner(one, Wish(audience=Audience.PUBLIC)))
    with pytest.raises(AudienceError, match="gave the file to public, not owner, and it was deleted"):
        send(parcels, destination, ledger)
    assert list(there.iterdir()) == []
    assert ledger.entries() == []


def test_a_row_is_there_before_the_first_byte_leaves(parcels, destination, ledger, monkeypatch):
    inner, seen = destination.put, []

    def put(one, wish):
        seen.append([(entry.state, entry.name) for entry in ledger.entries(State.PENDING)] == [("pending", one.name)])
        return inner(one, wish)

    monkeypatch.setattr(destination, "put", put)
    send(parcels, destination, ledger)
    assert seen == [True] * 3


def test_what_keeps_failing_leaves_nothing_and_the_others_go(parcels, destination, ledger, there, monkeypatch):
    inner, calls = destination.put, []

    def put(one, wish):
        calls.append(one.name)
        placed = inner(one, wish)
        if one.name == calls[0]:
            raise TransientError("the answer was cut off")
        return placed

    monkeypatch.setattr(destination, "put", put)
    results = send(parcels, destination, ledger)
    assert results[0].reason == "the answer was cut off"
    assert calls.count(calls[0]) == QUICK.attempts
    assert len(list(there.iterdir())) == len(ledger.entries(State.PLACED)) == 2


def test_what_cannot_be_cleaned_up_stays_due_and_is_said(parcels, destination, ledger, monkeypatch):
    def refuse(*_):
        raise CredentialsError("the password was refused")

    monkeypatch.setattr(destination, "put", refuse)
    with monkeypatch.context() as patch:
        patch.setattr(destination, "find", refuse)
        with pytest.raises(CredentialsError.__base__, match="refused; something of it may be there still"):
            send(parcels, destination, ledger)
    (entry,) = ledger.due()
    assert (entry.state, entry.problem) == (State.PENDING, "the password was refused")
    assert [one.problem for one in purge([entry], ledger, lambda _: destination, run="r")] == [""]
    assert ledger.entries() == []


def test_an_expiry_in_the_past_and_an_audience_that_is_not_offered_are_refused(destination):
    with pytest.raises(UsageError, match="is in the past"):
        check(destination, Wish(expires=datetime.now(UTC) - timedelta(seconds=1)), "nas")
    with pytest.raises(AudienceError, match="it has --private, --public"):
        check(destination, Wish(audience=Audience.LINK), "nas")


def test_waits_grow_by_chance_up_to_a_limit_and_the_server_is_heeded():
    backoff = Backoff(first=1, most=8)
    for attempt in range(1, 12):
        waits = [backoff.wait(attempt) for _ in range(50)]
        assert max(waits) <= min(8, 2 ** (attempt - 1))
        assert len(set(waits)) > 1
    assert backoff.wait(1, after=30) == 30


def test_a_server_that_asks_for_too_much_patience_is_not_asked_again(parcels, destination, ledger, monkeypatch):
    inner, calls = destination.put, []

    def put(one, wish):
        calls.append(one.name)
        if len(calls) == 1:
            raise TransientError("come back tomorrow", after=86400)
        return inner(one, wish)

    monkeypatch.setattr(destination, "put", put)
    assert [one.reason for one in send(parcels, destination, ledger)] == ["come back tomorrow", "", ""]
    assert len(calls) == len(set(calls)) == 3


def test_what_cannot_be_deleted_stays_due_and_one_bad_destination_does_not_stop_the_others(
    parcels, destination, ledger, there
):
    for place in ("gone", "nas", "gone"):
        list(deliver(parcels[:1], destination, ledger, place=place, wish=SOON, again=True))
    opened = []

    def open_destination(name):
        opened.append(name)
        if name == "gone":
            raise UsageError("no destination is called 'gone'")
        return destination

    results = list(purge(ledger.due(LATER), ledger, open_destination, run="r"))
    assert [bool(one.problem) for one in results] == [True, False, True]
    assert opened == ["gone", "nas"]
    assert [entry.problem for entry in ledger.due(LATER)] == ["no destination is called 'gone'"] * 2
    assert len(list(there.iterdir())) == 2


@pytest.mark.parametrize("method", ["put", "check", "delete", "find"])
def test_an_answer_that_a_destination_stumbles_over_ends_one_photo_and_shows_nothing(
    parcels, destination, ledger, monkeypatch, method
):
    inner, left = getattr(destination, method), [1]

    def stumble(*given):
        if left.pop() if left else False:
            raise KeyError("s3cret")
        return inner(*given)

    monkeypatch.setattr(destination, method, stumble)
    if method == "check":
        with pytest.raises(UploadError, match="nas gave an answer that makes no sense here") as raised:
            check(destination, Wish(), "nas")
        assert "s3cret" not in str(raised.value)
    elif method == "put":
        sent = send(parcels, destination, ledger)
        assert [bool(one.reason) for one in sent] == [True, False, False]
        assert "makes no sense" in sent[0].reason
        assert "s3cret" not in sent[0].reason
    else:
        send(parcels, destination, ledger, wish=SOON)
        if method == "find":
            ledger._execute("UPDATE uploads SET handle = NULL, state = 'pending', claim = NULL", ())
        results = list(purge(ledger.due(LATER), ledger, lambda _: destination, run="r", close=False))
        assert [bool(one.problem) for one in results] == [True, False, False]
        assert len(ledger.due(LATER)) == 1


def test_what_was_to_be_gone_by_now_is_not_uploaded_any_more(parcels, destination, ledger, there):
    """The run takes longer than its photos were to stay."""
    wish = Wish(expires=datetime.now(UTC) + timedelta(seconds=1))
    taken = deliver(parcels, destination, ledger, place="nas", wish=wish, backoff=QUICK)
    assert next(taken).placed
    time.sleep(1.1)
    reasons = [one.reason for one in taken]
    assert reasons == [f"not uploaded: it was to be gone by {wish.expires:%H:%M:%S} UTC"] * 2
    assert len(list(there.iterdir())) == len(ledger.entries()) == 1

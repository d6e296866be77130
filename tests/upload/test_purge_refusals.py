"""A purge that is refused something deletes all else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloak.errors import AudienceError, CredentialsError, LedgerError, TransientError, UntrustedError, UploadError
from cloak.upload import purge as module
from cloak.upload.backoff import Backoff
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Wish
from cloak.upload.destinations.folder import Folder
from cloak.upload.ledger import State
from cloak.upload.send import Parcel, deliver
from cloak.upload.settings import open_destination

from .items import item

QUICK = Backoff(attempts=2, first=0.001, most=0.001)
LATER = datetime.now(UTC) + timedelta(hours=2)


class Refusing(Folder):
    """Refuses to delete some uploads, or to be looked at."""

    def __init__(self, *given):
        super().__init__(*given)
        self.refused, self.asked, self.error = set(), [], CredentialsError("the server answered 403")
        self.unseen = None

    def look(self, handle):
        if self.unseen:
            raise self.unseen
        return super().look(handle)

    def delete(self, handle):
        self.asked.append(handle)
        if handle in self.refused:
            raise self.error
        self.unseen = None
        super().delete(handle)


@pytest.fixture
def destination(tmp_path):
    return Refusing.open({"path": str(tmp_path / "there")}, Credentials("test"))


def due(destination, ledger, number):
    """Upload photos whose time is up before LATER, the first one first."""
    for seed in range(number):
        over = Wish(expires=LATER - timedelta(seconds=100 - seed))
        parcel = Parcel(source=destination._root / "x", content=item(seed=seed).file.data)
        list(deliver([parcel], destination, ledger, place="nas", wish=over, backoff=QUICK))
    return [entry.handle for entry in ledger.due(LATER)]


def purge(destination, ledger):
    return list(module.purge(ledger.due(LATER), ledger, lambda _: destination, run="r", backoff=QUICK, close=False))


def test_one_upload_that_may_not_be_deleted_keeps_no_other_one_up(destination, ledger):
    handles = due(destination, ledger, 5)
    destination.refused = set(handles[:2])
    results = purge(destination, ledger)
    assert [bool(one.problem) for one in results] == [True, True, False, False, False]
    assert {entry.handle for entry in ledger.due(LATER)} == destination.refused


def test_a_destination_that_refuses_everything_is_left_alone_after_three(destination, ledger):
    destination.refused = set(due(destination, ledger, 6))
    assert [one.problem for one in purge(destination, ledger)] == ["the server answered 403"] * 6
    assert len(destination.asked) == module.GIVE_UP


def test_a_server_that_is_not_trusted_is_asked_once(destination, ledger):
    destination.refused, destination.error = set(due(destination, ledger, 3)), UntrustedError("another's certificate")
    assert all(one.problem for one in purge(destination, ledger))
    assert len(destination.asked) == 1


def test_many_that_can_never_be_deleted_keep_no_other_one_up_for_ever(destination, ledger):
    handles = due(destination, ledger, 6)
    destination.refused = set(handles)
    purge(destination, ledger)
    destination.refused = set(handles[:4])
    for _ in range(200):
        if len(purge(destination, ledger)) == 4:
            break
    assert {entry.handle for entry in ledger.due(LATER)} == destination.refused


@pytest.mark.parametrize("error", [AudienceError("it answered 302"), TransientError("it answered 500")])
def test_an_upload_that_cannot_be_looked_at_is_deleted_all_the_same(destination, ledger, error):
    (handle,) = due(destination, ledger, 1)
    (entry,) = ledger.due(LATER)
    ledger.place(entry.id, replace(destination.look(handle), expires=datetime.now(UTC) + timedelta(days=1)))
    destination.unseen = error
    (one,) = purge(destination, ledger)
    assert (one.problem, one.state) == ("", State.DELETED)
    assert ledger.due(LATER) == []


class Odd(Exception):  # noqa: N818 -- as paramiko.SFTPError: of no family of errors
    pass


@pytest.mark.parametrize("where", ["open", "delete", "close"])
@pytest.mark.parametrize("case", [(Odd("s3cret"), "Odd"), (NameError("s3cret"), "a mistake in this program")])
def test_whatever_one_destination_raises_the_uploads_at_the_others_are_deleted(
    destination, ledger, tmp_path, where, case
):
    error, words = case
    bad = Refusing.open({"path": str(tmp_path / "bad")}, Credentials("test"))
    for place, at, seconds in (("bad", bad, 100), ("nas", destination, 1)):
        over = Wish(expires=LATER - timedelta(seconds=seconds))
        parcel = Parcel(source=tmp_path / "x", content=item().file.data)
        list(deliver([parcel], at, ledger, place=place, wish=over, backoff=QUICK))

    def fail(*_):
        raise error

    def opened(name):
        return fail() if (name, where) == ("bad", "open") else {"bad": bad, "nas": destination}[name]

    if where != "open":
        setattr(bad, where, fail)
    results = {one.entry.destination: one for one in module.purge(ledger.due(LATER), ledger, opened, run="r")}
    assert results["nas"].state is State.DELETED
    if where == "close":
        assert ledger.due(LATER) == []
        return
    assert words in results["bad"].problem
    assert "s3cret" not in results["bad"].problem
    (left,) = ledger.due(LATER)
    assert (left.destination, left.problem, left.claim) == ("bad", results["bad"].problem, None)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LedgerError("it is locked")])
def test_what_is_to_end_a_purge_ends_it(destination, ledger, monkeypatch, error):
    due(destination, ledger, 2)

    def fail(*_):
        raise error

    monkeypatch.setattr(destination, "delete", fail)
    with pytest.raises(type(error)):
        purge(destination, ledger)
    assert len(ledger.due(LATER)) == 2
    assert {entry.problem for entry in ledger.due(LATER)} == {""}


def test_what_a_kind_raises_when_it_is_opened_is_an_error_of_ours(monkeypatch, tmp_path):
    def fail(*_):
        raise Odd("s3cret")

    monkeypatch.setattr(Folder, "open", fail)
    with pytest.raises(UploadError, match=r"cannot be opened \(Odd\)") as raised:
        open_destination(str(tmp_path))
    assert "s3cret" not in str(raised.value)

"""The ledger: private, forgetful of what it need not know, and clear about what is wrong with it."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cloak.errors import LedgerError, UsageError
from cloak.upload import places, runs, schema
from cloak.upload.destination import Audience, Placed
from cloak.upload.ledger import Ledger, State, salvage

PAST = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path))
    return tmp_path


def begin(ledger, *, run="0" * 16, expires=None, sha256="ab" * 32):
    return ledger.begin(
        destination="nas", name="random.jpg", sha256=sha256, size=5, run=run, expires=expires, note="the beach"
    )


def place(ledger, **options):
    identity = begin(ledger, **options)
    ledger.place(
        identity,
        Placed(handle="album/random.jpg", audience=Audience.OWNER, link="https://link", password="p4ssw0rd"),  # noqa: S106
    )
    return identity


def test_only_its_owner_can_read_it_and_its_journal():
    with Ledger.open() as ledger:
        begin(ledger)
        files = list(places.ledger().parent.glob("uploads.sqlite*"))
        assert len(files) == 3
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_one_that_others_could_read_is_closed_to_them():
    Ledger.open().close()
    places.ledger().chmod(0o644)
    Ledger.open().close()
    assert places.ledger().stat().st_mode & 0o777 == 0o600


def test_links_and_passwords_are_not_in_it():
    with Ledger.open() as ledger:
        place(ledger)
        content = b"".join(path.read_bytes() for path in places.ledger().parent.glob("uploads.sqlite*"))
    assert b"album/random.jpg" in content
    assert b"https://link" not in content
    assert b"p4ssw0rd" not in content


def test_of_what_is_gone_nothing_but_the_proof_stays_on_the_disk():
    with Ledger.open() as ledger:
        identity = place(ledger)
        ledger.end(identity, State.DELETED)
        entry = ledger.get(identity)
    assert (entry.state, entry.destination, entry.sha256) == (State.DELETED, "nas", "ab" * 32)
    assert entry.placed
    assert entry.deleted
    assert (entry.name, entry.handle, entry.audience, entry.size, entry.note) == (None, None, None, None, "")
    content = b"".join(path.read_bytes() for path in places.ledger().parent.glob("uploads.sqlite*"))
    assert b"random.jpg" not in content
    assert b"the beach" not in content


def test_what_is_due_is_what_is_overdue_or_was_interrupted():
    with Ledger.open() as ledger, runs.running() as run:
        place(ledger)
        place(ledger, expires=datetime.now(UTC) + timedelta(hours=1))
        overdue = place(ledger, expires=PAST)
        interrupted = begin(ledger)
        begin(ledger, run=run.name)
        assert [entry.id for entry in ledger.due()] == [interrupted, overdue]


def test_an_entry_can_be_claimed_once_and_by_another_when_the_claimer_died():
    with Ledger.open() as ledger, runs.running() as run:
        place(ledger, expires=PAST)
        (entry,) = ledger.due()
        assert ledger.claim(entry, run.name)
        assert not ledger.claim(entry, "another")
        assert ledger.due() == []
        ledger.release(run.name)
        (entry,) = ledger.due()
        assert ledger.claim(entry, "a run that died")
        (entry,) = ledger.due()
        assert ledger.claim(entry, run.name)


def test_an_upload_that_goes_on_is_left_to_the_run_that_does_it():
    with Ledger.open() as ledger, runs.running() as uploading, runs.running() as deleting:
        entry = ledger.get(begin(ledger, run=uploading.name))
        assert not ledger.claim(entry, deleting.name)
        assert ledger.claim(entry, uploading.name)


def test_ids_may_be_cut_short_but_not_ambiguous():
    with Ledger.open() as ledger:
        identity = begin(ledger)
        assert ledger.get(identity[:6]).id == identity
        for wrong in ("", "%", "nothing"):
            with pytest.raises(UsageError, match="cloak uploads list --all"):
                ledger.get(wrong)


def test_an_older_ledger_is_brought_up_to_date_with_all_its_rows_or_left_as_it_was(monkeypatch):
    with Ledger.open() as ledger:
        identity = place(ledger)
    step = "ALTER TABLE uploads ADD COLUMN extra TEXT; UPDATE uploads SET extra = 'new';"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step + "DROP TABLE nothing"))
    with pytest.raises(LedgerError):
        Ledger.open()
    monkeypatch.setattr(schema, "MIGRATIONS", (schema.MIGRATIONS[0], step))
    with Ledger.open() as ledger:  # fails with "duplicate column" if the first attempt had left its half
        assert ledger.get(identity).state is State.PLACED
    with sqlite3.connect(places.ledger()) as connection:
        assert connection.execute("SELECT extra FROM uploads").fetchall() == [("new",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_a_ledger_of_a_newer_version_is_refused_and_not_changed():
    Ledger.open().close()
    with sqlite3.connect(places.ledger()) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = places.ledger().read_bytes()
    with pytest.raises(LedgerError, match="is of version 99, and this program knows 1: update with"):
        Ledger.open()
    assert places.ledger().read_bytes() == before


@pytest.mark.parametrize("damage", [b"this is no database" * 100, b"SQLite format 3\0" + bytes(range(256)) * 20])
def test_what_is_no_ledger_is_refused_with_the_way_back_and_not_changed(damage):
    places.ledger().write_bytes(damage)
    with pytest.raises(
        LedgerError, match=r"nothing was changed\. 1\. See what can still be read: `cloak uploads export"
    ):
        Ledger.open()
    assert places.ledger().read_bytes() == damage


def test_of_a_damaged_ledger_what_can_be_read_is_salvaged():
    with Ledger.open() as ledger:
        made = [begin(ledger, sha256=f"{number:064}") for number in range(200)]
    data = bytearray(places.ledger().read_bytes())
    page = next(p for p in range(4096 * 8, len(data), 4096) if data[p] == 13)  # a leaf of a table
    data[page : page + 4096] = b"\xff" * 4096
    places.ledger().write_bytes(data)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open()
    skipped = []
    found = [entry.id for entry in salvage(places.ledger(), skipped.append)]
    assert 50 < len(found) < 200
    assert set(found) <= set(made)
    assert skipped


def test_a_locked_ledger_is_waited_for_and_then_said(monkeypatch):
    monkeypatch.setattr(schema, "WAIT", 0.2)
    Ledger.open().close()
    holder = sqlite3.connect(places.ledger(), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    ledger = Ledger.open()
    with pytest.raises(LedgerError, match="locked by another program"):
        begin(ledger)
    holder.execute("ROLLBACK")
    begin(ledger)
    ledger.close()
    holder.close()


def test_a_run_that_was_killed_is_told_from_one_that_lives_and_its_photos_are_removed():
    code = (
        "import os, sys\nfrom cloak.upload import runs\n"
        "with runs.running() as run:\n"
        "    (run.folder / 'photo.jpg').write_bytes(b'x')\n    print(run.name, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as process:
        name = process.stdout.readline().strip()
        assert runs.lives(name)
        runs.sweep()
        assert (places.spool() / name / "photo.jpg").exists()
        process.kill()
    assert not runs.lives(name)
    runs.sweep()
    assert list(places.spool().iterdir()) == []


def test_an_id_that_is_taken_is_not_called_damage(monkeypatch):
    drawn = iter(["aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr("cloak.upload.ledger.secrets.token_hex", lambda _: next(drawn))
    with Ledger.open() as ledger:
        assert [begin(ledger), begin(ledger)] == ["aaaaaaaa", "bbbbbbbb"]
        assert len(ledger.entries()) == 2

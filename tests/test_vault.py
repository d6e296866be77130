"""References are kept encrypted, with a key in the keyring, or not at all; what cannot be read is said, not lost."""

import os
import stat
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import keyring
import keyring.backends.fail
import numpy as np
import pytest

from cloak import keys, vault
from cloak.errors import MissingExtraError, ReferencesError
from cloak.references import References, fingerprint

from .keyrings import Broken, ChainOfPlainFiles, Locked, Memory, PlainFile


@pytest.fixture
def use():
    """Make a keyring the system's, for this test."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def ring(use) -> Memory:
    use(memory := Memory())
    return memory


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def references() -> References:
    numbers = np.random.default_rng(1).standard_normal((3, 128)).astype(np.float32)
    return References(embeddings=numbers, recogniser=fingerprint(), added=date(2026, 1, 2))


def test_what_is_kept_comes_back_and_the_file_says_nothing(ring, references, home):
    assert vault.load() is None
    assert vault.keep(references)
    kept = vault.load()
    assert np.array_equal(kept.embeddings, references.embeddings)
    assert (kept.recogniser, kept.added) == (references.recogniser, references.added)
    assert vault.path().is_relative_to(home)
    data = vault.path().read_bytes()
    for secret in (b"sface", b"2026", b"photos", references.embeddings[0, :2].tobytes()):
        assert secret not in data
    assert [path.name for path in vault.path().parent.iterdir()] == ["me.cloak"]
    assert [service for service, _ in ring.kept] == [keys.SERVICE]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_nobody_else_may_read_the_file(ring, references):  # noqa: ARG001
    vault.keep(references)
    assert stat.S_IMODE(vault.path().stat().st_mode) == 0o600
    assert stat.S_IMODE(vault.path().parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring, PlainFile, ChainOfPlainFiles])
def test_without_a_keyring_that_keeps_secrets_nothing_is_kept(use, backend, references, home):
    use(backend())
    assert not vault.keep(references)
    assert not home.exists()
    assert vault.load() is None


def test_each_time_there_is_a_new_key_and_the_old_one_is_gone(ring, references):
    vault.keep(references)
    (old,) = ring.kept.items()
    copy = vault.path().read_bytes()
    vault.keep(replace(references, embeddings=references.embeddings[:1]))
    assert len(ring.kept) == 1
    assert old[0] not in ring.kept
    assert old[1] not in ring.kept.values()
    assert len(vault.load()) == 1
    vault.path().write_bytes(copy)
    with pytest.raises(ReferencesError, match="a key that the system's keyring does not have"):
        vault.load()


def test_every_changed_byte_and_every_missing_one_is_noticed_and_the_file_stays(ring, references):  # noqa: ARG001
    vault.keep(references)
    data = vault.path().read_bytes()
    changed = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (*range(40), 100, len(data) - 1)]
    for wrong in (*changed, data[:-1], data[:30], data[:4], b"", data + b"\0"):
        vault.path().write_bytes(wrong)
        with pytest.raises(ReferencesError, match="start again with `--me FOLDER`, or remove them"):
            vault.load()
        assert vault.path().read_bytes() == wrong
    vault.path().write_bytes(data)
    assert len(vault.load()) == 3


def test_a_newer_format_is_said_to_be_one(ring, references):  # noqa: ARG001
    vault.keep(references)
    data = vault.path().read_bytes()
    vault.path().write_bytes(data[:8] + b"\0\2" + data[10:])
    with pytest.raises(ReferencesError, match="format 2, of a newer version"):
        vault.load()


def test_another_key_under_the_name_is_noticed(ring, references):
    vault.keep(references)
    (name,) = ring.kept
    for password in ("no key", "AAAA", "A" * 43 + "="):
        ring.kept[name] = password
        with pytest.raises(ReferencesError, match="start again"):
            vault.load()


@pytest.mark.parametrize(("backend", "reason"), [(Locked, "locked"), (Broken, "out of luck")])
def test_a_keyring_that_does_not_open_is_an_error_that_changes_nothing(ring, use, references, backend, reason):
    vault.keep(references)
    before = vault.path().read_bytes()
    use(backend())
    for action in (vault.load, lambda: vault.keep(references)):
        with pytest.raises(ReferencesError, match=rf"\({reason}\): unlock it and try again"):
            action()
    assert vault.path().read_bytes() == before
    use(ring)
    assert len(vault.load()) == 3


def test_a_file_whose_keyring_is_gone_is_an_error(ring, use, references):  # noqa: ARG001
    vault.keep(references)
    use(keyring.backends.fail.Keyring())
    with pytest.raises(ReferencesError, match=r"no keyring.*start again"):
        vault.load()


def test_what_cannot_be_written_changes_nothing(ring, references, home):
    home.mkdir()
    (home / "people").touch()
    with pytest.raises(ReferencesError, match="nothing was changed"):
        vault.keep(references)
    assert ring.kept == {}


def test_forgetting_takes_the_file_and_the_key(ring, references):
    assert not vault.forget()
    vault.keep(references)
    assert vault.forget()
    assert not vault.path().exists()
    assert ring.kept == {}
    assert vault.load() is None


def test_a_damaged_file_can_be_forgotten(ring):  # noqa: ARG001
    vault.path().parent.mkdir(parents=True)
    vault.path().write_bytes(b"nonsense")
    assert vault.forget()
    assert not vault.path().exists()


def test_forgetting_without_the_keyring_takes_the_file_and_says_what_is_left(ring, use, references):  # noqa: ARG001
    vault.keep(references)
    use(Locked())
    with pytest.raises(ReferencesError, match="the file is deleted, but its key"):
        vault.forget()
    assert not vault.path().exists()


@pytest.mark.parametrize("package", ["keyring", "cryptography.hazmat.primitives.ciphers.aead"])
def test_a_missing_package_is_named_by_its_extra(ring, references, package, monkeypatch):  # noqa: ARG001
    vault.keep(references)
    monkeypatch.setitem(sys.modules, package, None)
    for action in (vault.load, lambda: vault.keep(references)):
        with pytest.raises(MissingExtraError, match=r"photo-cloak\[people\]"):
            action()

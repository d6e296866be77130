"""The manifest of an output folder: what it holds, what it gives away, and what happens when it cannot be used."""

import os
import sqlite3
import stat
from pathlib import PurePath

import pytest

from cloak.errors import OutputError
from cloak.manifest import LOCK, NAME, Entry, Manifest, locked

ENTRY = Entry(target=b"a/b.jpg", status="stripped", source=b"s" * 32, settings=b"t" * 32, content=b"c" * 32, faces=2)


@pytest.fixture
def manifest(tmp_path):
    manifest = Manifest(tmp_path)
    yield manifest
    manifest.close()


def test_what_is_entered_is_found_again_by_place_and_by_original(manifest, tmp_path):
    manifest.put(ENTRY)
    manifest.close()
    again = Manifest(tmp_path)
    assert again.find(PurePath("a/b.jpg")) == ENTRY
    assert again.of_source(ENTRY.source) == [ENTRY]
    assert again.find(PurePath("a")) is None
    assert again.entries() == [ENTRY]
    again.close()


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes are POSIX")
def test_names_may_be_any_bytes(manifest):
    entry = Entry(target=b"\xff\n'.jpg", status="failed")
    manifest.put(entry)
    assert os.fsencode(manifest.find(PurePath(os.fsdecode(entry.target))).path) == entry.target


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.usefixtures("manifest")
def test_nobody_else_may_read_it(tmp_path):
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_hashes_are_of_no_use_in_another_folder(manifest, tmp_path):
    (tmp_path / "other").mkdir()
    other = Manifest(tmp_path / "other")
    assert manifest.digest(b"photo") != other.digest(b"photo")
    assert manifest.digest(b"photo") == manifest.digest(b"photo")
    (tmp_path / "photo").write_bytes(b"photo")
    assert manifest.digest_file(tmp_path / "photo") == manifest.digest(b"photo")
    assert manifest.digest_file(tmp_path / "none") is None
    other.close()


@pytest.mark.parametrize("target", [b"../a.jpg", b"/etc/passwd", b""])
def test_a_manifest_that_points_out_of_its_folder_is_refused(manifest, target):
    manifest.put(Entry(target=target, status="stripped"))
    with pytest.raises(OutputError, match="outside of its folder"):
        _ = manifest.entries()[0].path


@pytest.mark.parametrize("damage", ["garbage", "cut", "foreign", "hole"])
def test_a_damaged_manifest_says_what_to_do_and_is_left_as_it_is(manifest, tmp_path, damage):
    for number in range(200):
        manifest.put(Entry(target=b"%d" % number, status="stripped", source=bytes(32)))
    manifest.close()
    path = tmp_path / NAME
    data = path.read_bytes()
    if damage == "foreign":
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE photos (a)")
        connection.close()
    else:
        path.write_bytes(
            {
                "garbage": b"garbage" * 1000,
                "cut": data[:5000],
                "hole": data[:8192] + b"\xff" * 4096 + data[12288:],
            }[damage]
        )
    before = path.read_bytes()
    with pytest.raises(OutputError, match=rf"move {NAME} out of the folder, and pass --overwrite"):
        Manifest(tmp_path)
    assert path.read_bytes() == before


def test_a_manifest_of_a_newer_version_says_so(manifest, tmp_path):
    manifest.close()
    with sqlite3.connect(tmp_path / NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(OutputError, match="made by a newer version of cloak: update"):
        Manifest(tmp_path)


def test_a_manifest_that_cannot_be_opened_says_so(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="cannot be opened"):
        Manifest(tmp_path)


def test_one_run_at_a_time_works_in_a_folder(tmp_path):
    with locked(tmp_path), pytest.raises(OutputError, match="another run is at work"), locked(tmp_path):
        pass
    with locked(tmp_path):
        assert (tmp_path / LOCK).exists()

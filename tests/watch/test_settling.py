"""When a file counts as complete."""

from pathlib import Path

import pytest

from cloak.errors import OutputError
from cloak.watch import loop
from cloak.watch.settling import PARTIAL, Settling, is_photo


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_file_is_taken_once_it_has_rested_and_not_again(folder, clock):
    settling = Settling(2, clock)
    path = folder / "a.jpg"
    path.write_bytes(b"1")
    settling.saw(path)
    clock.now = 1.9
    assert settling.take() == []
    path.write_bytes(b"12")
    clock.now = 3.0
    assert settling.take() == []
    clock.now = 5.0
    assert settling.take() == [path]
    settling.saw(path)
    clock.now = 100.0
    assert settling.take() == []
    path.write_bytes(b"123")
    settling.saw(path)
    clock.now = 102.0
    assert settling.take() == [path]


def test_an_empty_file_and_one_with_a_partial_file_beside_it_wait(folder, clock):
    settling = Settling(1, clock)
    empty, kept = folder / "empty.jpg", folder / "kept.jpg"
    empty.touch()
    kept.write_bytes(b"1")
    partial = folder / f"kept.jpg{PARTIAL[0]}"
    partial.touch()
    settling.saw(empty)
    settling.saw(kept)
    clock.now = 10
    assert settling.take() == []
    partial.unlink()
    assert settling.take() == [kept]


def test_a_file_that_is_gone_is_forgotten_and_taken_when_it_comes_back(folder, clock):
    settling = Settling(1, clock)
    path = folder / "a.jpg"
    path.write_bytes(b"1")
    settling.saw(path)
    path.unlink()
    clock.now = 5
    assert settling.take() == []
    path.write_bytes(b"1")
    settling.saw(path)
    clock.now = 6
    assert settling.take() == [path]


def test_what_may_pass_is_offered_again_after_a_while(folder, clock):
    settling = Settling(1, clock)
    path = folder / "a.jpg"
    path.write_bytes(b"1")
    settling.saw(path)
    clock.now = 1
    assert settling.take() == [path]
    settling.again(path, 300)
    clock.now = 300
    assert settling.take() == []
    clock.now = 301
    assert settling.take() == [path]


@pytest.mark.parametrize(
    ("name", "photo"),
    [
        ("a.jpg", True),
        ("below/A.HEIC", True),
        ("a.jpg.part", False),
        ("a.jpg.crdownload", False),
        ("a.tmp", False),
        (".a.jpg", False),
        (".thumbnails/a.jpg", False),
        ("notes.txt", False),
    ],
)
def test_photos_are_told_by_their_names(name, photo):
    assert is_photo(Path(name)) is photo


def test_the_end_of_the_folder_ends_the_watch_with_an_error(folder, out, monkeypatch):
    monkeypatch.setattr(loop, "RESCAN", 0.0)
    found = loop._Finder(folder, out, Settling(1))
    found.look(iter(()))
    folder.rmdir()
    with pytest.raises(OutputError, match="is gone"):
        found.look(iter(()))

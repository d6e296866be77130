"""Finding, naming, reading and writing files."""

import os
import stat
import subprocess
import sys
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloak.container import Container
from cloak.errors import TooLargeError, UnreadablePhotoError, UsageError, WriteError
from cloak.files import Sync, read, write
from cloak.names import NamePolicy, shown
from cloak.sources import Source, find_photos, passed_over
from cloak.targets import plan, single

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _targets(*names: str, **options: object) -> list[str]:
    sources = [Source(Path("in", name), PurePath(name)) for name in names]
    return [job.target.relative_to("out").as_posix() for job in plan(sources, Path("out"), **options)]


def test_one_folder_keeps_its_tree_and_other_files_are_named_as_ignored(tmp_path):
    _touch(tmp_path / "b.JPG", tmp_path / "sub" / "a.heic", tmp_path / "notes.txt")
    found = find_photos([tmp_path], output=tmp_path / "out")
    assert [source.relative.as_posix() for source in found.sources] == ["b.JPG", "sub/a.heic"]
    assert [(one.path.name, one.reason, one.failed) for one in found.ignored] == [
        ("notes.txt", "not a photo, by its name", False)
    ]


@posix
def test_what_macos_notes_beside_photos_is_no_photo(tmp_path):
    _touch(tmp_path / "a.jpg", tmp_path / "._mine.jpg")
    (tmp_path / "._a.jpg").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    found = find_photos([tmp_path])
    assert [source.path.name for source in found.sources] == ["._mine.jpg", "a.jpg"]
    assert [(one.path.name, one.failed) for one in found.ignored] == [("._a.jpg", False)]


def test_films_and_other_files_are_said_to_be_passed_over_and_hidden_ones_are_not(tmp_path):
    _touch(*(tmp_path / name for name in ("a.jpg", "b.MP4", "c.mp4", "README", ".DS_Store", "d.txt")))
    (sentence,) = passed_over(find_photos([tmp_path]).ignored)
    assert sentence.startswith("Passed over, as not photos by their names: 2 .mp4, 1 .txt, 1 without an ending.")
    assert passed_over(find_photos([tmp_path / "a.jpg"]).ignored) == []


def test_several_folders_keep_their_own_names(tmp_path):
    _touch(tmp_path / "x" / "a.jpg", tmp_path / "y" / "a.jpg")
    found = find_photos([tmp_path / "x", tmp_path / "y"], output=tmp_path / "out")
    assert [source.relative.as_posix() for source in found.sources] == ["x/a.jpg", "y/a.jpg"]


def test_a_file_given_by_name_is_taken_whatever_it_is_called(tmp_path):
    _touch(tmp_path / "scan")
    assert len(find_photos([tmp_path / "scan"], output=tmp_path / "out").sources) == 1


def test_a_file_given_twice_is_done_once(tmp_path):
    _touch(tmp_path / "a.jpg")
    found = find_photos([tmp_path, tmp_path / "a.jpg", tmp_path / "." / "a.jpg"], output=tmp_path / "out")
    assert len(found.sources) == 1


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has files without names")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_program_that_is_killed_while_writing_leaves_nothing_behind(tmp_path, overwrite):
    (tmp_path / "old.jpg").write_bytes(b"old")
    code = f"""
import os, signal
from pathlib import Path
from cloak.files import write

def pieces():
    yield b"half" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)

write(Path({str(tmp_path / "old.jpg" if overwrite else tmp_path / "new.jpg")!r}), pieces(), overwrite={overwrite})
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert [path.name for path in tmp_path.iterdir()] == ["old.jpg"]
    assert (tmp_path / "old.jpg").read_bytes() == b"old"


def test_files_are_written_where_there_are_none_without_names(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    for content in (b"first", b"second"):
        write(tmp_path / "a.jpg", content, overwrite=True, modified=10**18)
    write(tmp_path / "b.jpg", b"third")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.jpg": b"second", "b.jpg": b"third"}
    assert (tmp_path / "a.jpg").stat().st_mtime_ns == 10**18


def test_patterns_are_expanded_where_the_shell_did_not(tmp_path):
    _touch(tmp_path / "a1.jpg", tmp_path / "a2.jpg", tmp_path / "b.jpg")
    found = find_photos([tmp_path / "a*.jpg"], output=tmp_path / "out")
    assert [source.path.name for source in found.sources] == ["a1.jpg", "a2.jpg"]
    with pytest.raises(UsageError, match="no such file"):
        find_photos([tmp_path / "c*.jpg"], output=tmp_path / "out")


@posix
def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    _touch(tmp_path / "[a].jpg", tmp_path / "a.jpg")
    found = find_photos([tmp_path / "[a].jpg"], output=tmp_path / "out")
    assert [source.path.name for source in found.sources] == ["[a].jpg"]


def test_a_format_changes_the_suffix_unless_it_fits():
    assert _targets("a.JPEG", "b.png", "c", container=Container.JPEG) == ["a.JPEG", "b.jpg", "c.jpg"]


def test_each_photo_may_be_of_a_kind_of_its_own_whatever_its_name_says():
    kinds = [Container.PNG, Container.JPEG, None, Container.HEIC]
    assert _targets("a.jpg", "a.png", "b.tif", "c.HEIF", container=kinds) == [
        "a.png",
        "a.jpg",
        "b.tif",
        "c.HEIF",
    ]
    random = _targets("a.jpg", "a.png", container=kinds[:2], names=NamePolicy.RANDOM)
    assert [Path(target).suffix for target in random] == [".png", ".jpg"]


def test_a_photo_never_gets_its_own_name_as_a_target(tmp_path):
    _touch(tmp_path / "a.jpg")
    assert single(tmp_path / "a.jpg", tmp_path / "b.jpg").target == tmp_path / "b.jpg"
    with pytest.raises(UsageError, match="one of the originals"):
        single(tmp_path / "a.jpg", tmp_path / "." / "a.jpg")


def test_clashes_are_resolved_in_the_same_way_whatever_the_order():
    assert _targets("a.png", "a.jpg", container=Container.JPEG) == ["a.png.jpg", "a.jpg"]
    assert _targets("a.jpg", "a.png", container=Container.JPEG) == ["a.jpg", "a.png.jpg"]


def test_names_that_differ_in_case_or_unicode_form_alone_are_kept_apart():
    assert _targets("a.jpg", "A.jpg", "e\u0301.jpg", "\u00e9.jpg") == [
        "a.jpg",
        "A-2.jpg",
        "e\u0301.jpg",
        "\u00e9-2.jpg",
    ]


@given(st.lists(st.tuples(st.text("aA.-2", min_size=1), st.sampled_from(["jpg", "jpeg", "png", "PNG"])), unique=True))
def test_no_two_photos_ever_share_a_target(names):
    sources = [f"x{stem}.{suffix}" for stem, suffix in names]
    for container in (None, Container.JPEG):
        targets = _targets(*sources, container=container)
        assert len({target.casefold() for target in targets}) == len(sources)


def test_random_names_tell_nothing():
    names = [f"IMG_{number}.JPG" for number in range(20)]
    targets = _targets("Anna/2024.HEIC", *names, names=NamePolicy.RANDOM)
    assert targets[0].endswith(".heic")
    assert all("/" not in target and target.endswith(".jpg") for target in targets[1:])
    assert targets[1:] != sorted(targets[1:])
    assert targets != _targets("Anna/2024.HEIC", *names, names=NamePolicy.RANDOM)


def test_shown_is_one_printable_line():
    assert shown("a\nb\u202e\udce9\x7f.jpg") == "a\\nb\\u202e\\xe9\\x7f.jpg"


def test_read_refuses_what_is_too_long(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(TooLargeError, match="11 bytes, more than 10"):
        read(tmp_path / "a", max_bytes=10)
    with pytest.raises(UnreadablePhotoError, match="no such file"):
        read(tmp_path / "b", max_bytes=10)


@posix
def test_written_files_have_the_usual_permissions_and_nothing_else_is_left(tmp_path):
    mask = os.umask(0o027)
    try:
        write(tmp_path / "new" / "a.jpg", [b"photo ", b"bytes"])
    finally:
        os.umask(mask)
    path = tmp_path / "new" / "a.jpg"
    assert path.read_bytes() == b"photo bytes"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_nlink == 1


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_a_write_that_breaks_off_leaves_the_old_file_alone(tmp_path, failure):
    def pieces():
        yield b"half"
        raise failure

    (tmp_path / "a.jpg").write_bytes(b"old")
    with pytest.raises(failure):
        write(tmp_path / "a.jpg", pieces(), overwrite=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    def pieces():
        (tmp_path / "a.jpg").write_bytes(b"somebody else's")
        yield b"ours"

    with pytest.raises(WriteError):
        write(tmp_path / "a.jpg", pieces())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"somebody else's"]


def test_a_file_that_does_not_pass_its_check_never_gets_its_name(tmp_path):
    def refuse(file):
        file.seek(0)
        raise WriteError(file.read().decode())

    with pytest.raises(WriteError, match="new"):
        write(tmp_path / "a.jpg", b"new", check=refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_file_says_that_it_was_changed_now_or_when_it_is_told(tmp_path):
    write(tmp_path / "now.jpg", b"new")
    write(tmp_path / "then.jpg", b"new", modified=10**18)
    assert (tmp_path / "then.jpg").stat().st_mtime_ns == 10**18 < (tmp_path / "now.jpg").stat().st_mtime_ns


@posix
@pytest.mark.parametrize(("sync", "waits"), [(Sync.ALL, 2), (Sync.CONTENT, 1), (Sync.NOTHING, 0)])
def test_a_write_waits_for_as_much_as_it_is_told(tmp_path, monkeypatch, sync, waits):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write(tmp_path / "a.jpg", b"new", sync=sync)
    assert len(synced) == waits


@posix
def test_a_link_in_the_place_of_a_target_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "original.jpg").write_bytes(b"original")
    (tmp_path / "a.jpg").symlink_to("original.jpg")
    write(tmp_path / "a.jpg", b"new", overwrite=True)
    assert (tmp_path / "original.jpg").read_bytes() == b"original"
    assert (tmp_path / "a.jpg").read_bytes() == b"new"

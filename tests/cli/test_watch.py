"""`cloak watch`: what it refuses before it watches. What it does is in tests/test_watching.py."""

import pytest

pytest.importorskip("watchfiles")


def test_the_output_folder_may_not_be_the_watched_one_or_around_it(cloak, tmp_path):
    inner = tmp_path / "in" / "deep"
    inner.mkdir(parents=True)
    for output in (inner, inner.parent, tmp_path):
        result = cloak("watch", inner, "-o", output, "--strip-only")
        assert result.code == 2
        assert "another output folder" in result.err


def test_a_link_to_the_watched_folder_is_seen_through(cloak, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    result = cloak("watch", tmp_path / "in", "-o", tmp_path / "link", "--strip-only")
    assert result.code == 2
    assert "another output folder" in result.err


def test_a_folder_that_is_not_there_is_refused(cloak, tmp_path):
    result = cloak("watch", tmp_path / "none", "-o", tmp_path / "out", "--strip-only")
    assert result.code == 2
    assert "is not a folder" in result.err


def test_options_of_cloaks_make_no_sense_without_cloaks(cloak, tmp_path):
    (tmp_path / "in").mkdir()
    result = cloak("watch", tmp_path / "in", "-o", tmp_path / "out", "--strip-only", "--no-face", "fail")
    assert result.code == 2
    assert "leave out --no-face" in result.err


def test_it_takes_the_options_of_protect_with_the_same_words(cloak):
    ours, theirs = cloak("watch", "--help").out, cloak("protect", "--help").out
    for option in ("--strength", "--weights", "--bystanders", "--me"):
        (line,) = (line for line in theirs.splitlines() if line.strip().startswith(f"{option} "))
        assert line.split()[1] in ours

"""`cloak watch`: what it refuses before it watches. What it does is in tests/watch."""

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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "with -o, or to a destination with --to"),
        (("-o", "a", "--to", "b"), "with -o, or to a destination with --to"),
        (("-o", "a", "--expires", "30d"), "--expires is for uploads"),
        (("--to", "nowhere"), "no destination is called"),
    ],
)
def test_photos_go_to_one_place(cloak, tmp_path, monkeypatch, arguments, said):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    result = cloak("watch", tmp_path, *arguments)
    assert result.code == 2
    assert said in result.err


def test_a_folder_to_upload_to_may_not_be_the_watched_one(cloak, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    (tmp_path / "in").mkdir()
    result = cloak("watch", tmp_path / "in", "--to", tmp_path / "in", "--strip-only")
    assert result.code == 2
    assert "another output folder" in result.err


def test_links_are_not_made_where_a_log_would_have_them(cloak, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(
        '[destinations.x]\nkind = "folder"\naudience = "link"\npath = "/x"\n'
    )
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    result = cloak("watch", tmp_path, "--to", "x", "--strip-only")
    assert result.code == 2
    assert "links in a log" in result.err

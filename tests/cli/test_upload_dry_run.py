"""`cloak upload --dry-run` changes nothing, neither here nor there."""

from pathlib import Path

import pytest

from ..upload.servers.loopback import Answer, Loopback, Request  # noqa: TID252 -- tests are no package to import from

pytestmark = pytest.mark.usefixtures("home")


def everything(folder: Path) -> dict[str, int]:
    """Return all files and folders but the networks, and when they last changed."""
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*") if "models" not in path.parts}


@pytest.mark.parametrize("options", [["--strip-only"], ["--strength", "subtle"]])
def test_no_folder_no_ledger_and_no_spool_is_made(cloak, examples, tmp_path, options):
    before = everything(tmp_path)
    result = cloak("upload", examples / "phone.jpg", "--to", tmp_path / "there", "--dry-run", *options)
    assert result.code == 0, result.err
    assert "would upload: " in result.out
    assert everything(tmp_path) == before


def test_no_server_is_asked_anything(cloak, examples, home, monkeypatch):
    class Counting(Loopback):
        def answer(self, request: Request) -> Answer:
            del request
            return Answer(500)

    server = Counting()
    with server.running() as address:
        (home / "config.toml").write_text(
            f'[destinations.nas]\nkind = "webdav"\nurl = "{address}/photos"\nuser = "me"\n'
        )
        monkeypatch.setenv("CLOAK_NAS_PASSWORD", "x")
        result = cloak("upload", examples / "phone.jpg", "--to", "nas", "--strip-only", "--dry-run")
        assert result.code == 0, result.err
        assert server.requests == []


def test_what_can_be_known_without_asking_is_refused_all_the_same(cloak, examples, tmp_path):
    result = cloak("upload", examples, "--to", tmp_path / "there", "--strip-only", "--dry-run", "--link")
    assert (result.code, "cannot keep an upload to link" in result.err) == (1, True)

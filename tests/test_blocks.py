"""Code blocks of the README and of the pages do what they say; tests/test_docs.py sees that none is left out."""

import doctest
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cloak.cli.main import SPINS

from .blocks import ROOT, Block, bash, blocks, ids, readme_lines, surroundings
from .web.served import Served, served

SHOWN_ID = "3f2a91c0"
"""Stands on the pages for the id of an upload."""

KEYRING = """
import json, os
from pathlib import Path
import keyring.backend

class Home(keyring.backend.KeyringBackend):
    '''As good as a system's for as long as the home of a test is there.'''
    priority = 5
    path = Path(os.environ["HOME"]) / "keyring.json"

    def all(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def get_password(self, service, username):
        return self.all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        self.path.write_text(json.dumps({**self.all(), f"{service} {username}": password}))

    def delete_password(self, service, username):
        self.path.write_text(json.dumps({k: v for k, v in self.all().items() if k != f"{service} {username}"}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a block is run: what it may read of a checkout is there, and a home of its own."""
    for name in ("examples", "packaging"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "home").mkdir()
    return tmp_path


@pytest.fixture
def furnished(folder: Path, paint) -> Path:
    """The same with photos of a user's, which have no faces, and a destination `nas`."""
    home = folder / "home"
    for photos in (folder / "holiday", home / "Pictures" / "holiday", home / "Camera"):
        paint(photos / "meadow.jpg")
    with terminal(f"folder\n{home}/nas\n30d\n") as answers:
        made = bash("cloak upload setup nas --no-check", folder, answers=answers)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


class terminal:  # noqa: N801 -- used as a function
    """A terminal at which somebody has typed this already, for programs that ask only people."""

    def __init__(self, typed: str) -> None:
        self._master, self._slave = os.openpty()
        os.write(self._master, typed.encode())

    def __enter__(self) -> int:
        return self._slave

    def __exit__(self, *_: object) -> None:
        os.close(self._slave)
        os.close(self._master)


@pytest.mark.parametrize("block", **ids(blocks("sh", marks=("run",))))
def test_shell_blocks_run(block: Block, folder: Path) -> None:
    """With the exit code that the marker names: with another than 0, each line is given by itself."""
    wanted = int(block.reason or 0)
    for code in [block.code] if not wanted else block.code.splitlines():
        result = bash(code, folder)
        assert result.returncode == wanted, result.stdout + result.stderr


@pytest.mark.parametrize("block", **ids(blocks("console", marks=("run",))))
def test_transcripts_are_what_is_printed(block: Block, folder: Path) -> None:
    checker = doctest.OutputChecker()
    for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
        line, _, wanted = part.partition("\n")
        result = bash(line, folder)
        printed = re.sub(r" +$", "", result.stdout, flags=re.MULTILINE)
        assert result.returncode == 0, result.stderr
        assert checker.check_output(wanted, printed, doctest.ELLIPSIS), f"{line}\n{printed}\nwanted:\n{wanted}"


@pytest.mark.parametrize("block", **ids(blocks("python", marks=("run",))))
def test_python_blocks_run(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CLOAK_SERVE_TOKEN", "x" * 43)
    exec(compile(block.code, str(block), "exec"), {"__name__": "block"})  # noqa: S102 -- our own


@pytest.mark.slow
@pytest.mark.parametrize("block", **ids(blocks("python", marks=("slow",))))
def test_python_blocks_that_cloak_run(block: Block, folder: Path) -> None:
    """As programs of their own, whose threads wait for each other as the command's do: many times faster if crowded."""
    (folder / "block.py").write_text(block.code, "utf-8")
    result = bash("python block.py", folder, GOMP_SPINCOUNT=SPINS)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_the_python_of_the_readme_runs() -> None:
    (block,) = [one for one in blocks("python") if one.page == "README.md"]
    names: dict[str, object] = {"__name__": "block", "photos": [Image.new("RGB", (320, 240), "teal")] * 2}
    exec(compile(block.code, str(block), "exec"), names)  # noqa: S102 -- our own
    cloaked = names["photos"]
    assert isinstance(cloaked, list)
    assert [one.size for one in cloaked] == [(320, 240)] * 2


SLOW = blocks("sh", marks=("slow",))


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({block.page for block in SLOW}))
def test_shell_blocks_that_cloak_run(page: str, furnished: Path) -> None:
    """Those of a page one after the other, on few faces: each takes seconds. `selfies` and `party` are two people."""
    for name in ("workers.jpg", "collins.png"):
        (furnished / "examples" / name).unlink()
    made = runpy.run_path(str(ROOT / "notebooks" / "people.py"))
    made["build"](furnished, {"hopper": 2, "collins": 1})
    (furnished / "hopper").rename(furnished / "selfies")
    (furnished / "collins").rename(furnished / "party")
    (furnished / "kept_at_home.py").write_text(KEYRING, "utf-8")
    keyring = {"PYTHONPATH": str(furnished), "PYTHON_KEYRING_BACKEND": "kept_at_home.Home"}
    for block in SLOW:
        if block.page == page:
            result = bash(block.code, furnished, **keyring)
            assert result.returncode == 0, f"{block}\n{result.stdout}{result.stderr}"


STOPPED = [
    *((str(block), line) for block in blocks("sh", marks=("until stopped",)) for line in block.code.splitlines()),
    *(("README.md", line) for line in readme_lines("until stopped")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("where", "line"), STOPPED, ids=[f"{where} {line.split('#')[0]}" for where, line in STOPPED])
def test_commands_that_run_until_they_are_stopped_begin_and_end(where: str, line: str, furnished: Path) -> None:
    """Serving and watching, ended by Ctrl-C as people do."""
    said = furnished / "said"
    begun = rb"Watching .*Ctrl-C" if " watch " in line else rb"http://127\.0\.0\.1:\d+"
    code = line.replace("--port 8750", "--port 0")
    with said.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {code}"],
            cwd=furnished,
            env=surroundings(furnished / "home", BROWSER="true"),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 300
        while not re.search(begun, said.read_bytes()) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert re.search(begun, said.read_bytes()), f"{where}: {said.read_text('utf-8')}"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(300) == 0, said.read_text("utf-8")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


ANSWERED = [
    *((str(block), block.code, block.reason) for block in blocks("sh", marks=("answered",))),
    ("README.md", "\n".join(readme_lines("answered")), "Erika Mustermann, erika@example.org, DE"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("where", "code", "answers"), ANSWERED, ids=[where for where, *_ in ANSWERED])
def test_commands_that_ask_are_answered(where: str, code: str, answers: str, furnished: Path) -> None:
    """By what the marker says, at each line anew; an id that stands for one of yours is one."""
    for line in code.splitlines():
        if SHOWN_ID in line:
            listed = json.loads(bash("cloak uploads list --json", furnished).stdout)
            assert listed, "nothing was uploaded"
            line = line.replace(SHOWN_ID, listed[0]["id"])  # noqa: PLW2901 -- the same line
        typed = answers.replace(", ", "\n").replace("{home}", str(furnished / "home"))
        with terminal(f"{typed}\n") as asked:
            result = bash(line, furnished, answers=asked)
        assert result.returncode == 0, f"{where}: {line}\n{result.stdout}{result.stderr}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server, with the options of docs/platforms.md but for the port, which is a free one."""
    with served(tmp_path_factory.mktemp("served") / "log", "--api-only") as running:
        yield running


def ask(block: Block, folder: Path, server: Served) -> None:
    code = block.code.replace("127.0.0.1:8750", f"127.0.0.1:{server.port}")
    assert code != block.code
    result = bash(code, folder, CLOAK_SERVE_TOKEN=server.token)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("block", **ids(blocks("sh", marks=("served",))))
def test_requests_are_answered(block: Block, folder: Path, server: Served) -> None:
    ask(block, folder, server)
    findings = json.loads((folder / "findings.json").read_text("utf-8"))
    assert findings["findings"]
    assert findings["faces"]
    with Image.open(folder / "bare.jpg") as bare:
        assert set(bare.getexif()) <= {0x0112}, "nothing but the orientation"


@pytest.mark.slow
@pytest.mark.parametrize("block", **ids(blocks("sh", marks=("served slowly",))))
def test_requests_that_cloak_are_answered(block: Block, folder: Path, server: Served) -> None:
    ask(block, folder, server)
    if "headers.txt" in block.code:
        (outcome,) = re.findall(r"(?im)^cloak-outcome: (.*)$", (folder / "headers.txt").read_text("utf-8"))
        assert json.loads(outcome)["status"] == "protected"
        Image.open(folder / "protected.jpg").close()
    else:
        assert zipfile.ZipFile(folder / "album.zip").namelist() == ["phone.jpg"]

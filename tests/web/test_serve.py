"""The command `cloak serve`: how it begins, what it leaves behind, how it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from cloak.models import cache

from .browser import QUICK
from .served import COMMAND, served
from .uploads import SECRET, photo

PHONE = (Path(__file__).parents[2] / "examples" / "phone.jpg").read_bytes()


def test_it_prints_an_address_with_a_token_of_its_own_each_time(tmp_path):
    tokens = []
    for number in range(2):
        log = tmp_path / f"log{number}"
        with log.open("wb") as output:
            process = subprocess.Popen([COMMAND, "serve", "--no-browser"], stdout=output, env=_plain())
        try:
            _until(lambda log=log: b"#token=" in log.read_bytes())
            address, _, token = log.read_text().strip().partition("/#token=")
            assert len(token) >= 43
            _until(lambda address=address: httpx.get(f"{address}/healthz").status_code == 200)
            headers = {"Authorization": f"Bearer {token}"}
            assert httpx.get(f"{address}/v1/settings", headers=headers).status_code == 200
            tokens.append(token)
        finally:
            process.terminate()
            assert process.wait(60) == 0
    assert tokens[0] != tokens[1]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_when_told_to_and_leaves_no_process(tmp_path, how):
    with served(tmp_path / "log", command=QUICK) as server, server.client() as client:
        client.post("/v1/inspect", content=PHONE)
        family = server.family()
        assert len(family) > 1
        server.process.send_signal(how)
        assert server.process.wait(60) == 0
        _until(lambda: not any(_lives(one) for one in family))
        assert "Traceback" not in server.log.read_text()
        with pytest.raises(httpx.ConnectError):
            client.get("/healthz")


def test_who_waits_for_a_long_search_when_it_ends_is_told_so_soon(tmp_path):
    with served(tmp_path / "log") as server, server.client() as client:  # the real, long search
        answers = []

        def ask():
            try:
                answers.append(client.post("/v1/protect?strength=strong", content=PHONE).status_code)
            except httpx.HTTPError as error:
                answers.append(type(error).__name__)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0
        for thread in threads:
            thread.join()
        assert set(answers) <= {200, 503}
        assert 503 in answers
        assert "Traceback" not in server.log.read_text()


def test_nothing_of_a_photo_is_ever_on_a_disk(tmp_path):
    """Home, working folder and temporary folder are empty before and after, and no open file is one without a name."""
    folders = {name: tmp_path / name for name in ("home", "tmp", "cwd")}
    for folder in folders.values():
        folder.mkdir()
    places = {"HOME": folders["home"], "TMPDIR": folders["tmp"], "XDG_CACHE_HOME": cache.folder().parents[1]}
    seen = _Watch([*folders.values(), Path("/dev/shm")])  # noqa: S108 -- that nothing is there is what is tested
    command = (sys.executable, "-P", "-c", f"import os, runpy; os.chdir({str(folders['cwd'])!r}); "
               f"runpy.run_path({QUICK[-1]!r}, run_name='__main__')")  # fmt: skip
    environment = {name: str(place) for name, place in places.items()}
    with seen, served(tmp_path / "log", command=command, **environment) as server, server.client() as client:
        large = photo("PNG", size=(1500, 1100))
        job = f"/v1/jobs/{client.post('/v1/jobs').json()['id']}"
        for content in (PHONE, large):
            for route in ("protect", "strip", "inspect"):
                assert client.post(f"/v1/{route}", content=content).status_code == 200
            assert client.post(f"{job}/photos", content=content).status_code == 201
        client.post(f"{job}/start", json={})
        _until(lambda: client.get(job).json()["state"] == "done")
        assert client.get(f"{job}/archive").status_code == 200
        for process in server.family():
            for one in _open_files(process):
                assert "(deleted)" not in one or "memfd:" in one, one
    assert seen.made == set()


class _Watch:
    """Looks all the time at which files there are."""

    def __init__(self, folders):
        self._folders, self._stop = folders, threading.Event()
        self._before, self.made = self._there(), set()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.made |= self._there() - self._before

    def _look(self):
        while not self._stop.wait(0.01):
            self.made |= self._there() - self._before

    def _there(self):
        return {path for folder in self._folders if folder.exists() for path in folder.rglob("*")}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which files are open")
def test_no_photo_and_no_name_is_in_a_log_not_even_of_an_error(tmp_path):
    code = (
        "import logging, cloak.web.engine as e; logging.getLogger().setLevel(logging.DEBUG);"
        "e.Engine.run = lambda self, task: (_ for _ in ()).throw(RuntimeError(str(task.content)));"
        "from cloak.cli.main import main; main()"
    )
    command = (sys.executable, "-P", "-c", code)
    with served(tmp_path / "log", "-v", command=command) as server, server.client() as client:
        answer = client.post("/v1/protect", content=photo(), headers={"Cloak-Filename": "Xq9-name"})
        assert answer.status_code == 500
        assert answer.json()["error"] == "internal"
        client.post("/v1/inspect?Xq9-query=1", content=photo(), headers={"Cloak-Filename": "Xq9-name"})
    said = (tmp_path / "log").read_text()
    assert "RuntimeError in" in said
    assert "POST /v1/inspect 200" in said
    assert "Xq9" not in said
    assert SECRET.decode() not in said


def test_without_its_extra_it_says_what_to_install(tmp_path):
    (tmp_path / "fastapi.py").write_text("raise ImportError")
    done = subprocess.run(
        [COMMAND, "serve"], env={**_plain(), "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "photo-cloak[web]" in done.stderr
    assert "Traceback" not in done.stderr


def test_importing_cloak_does_not_load_what_serves():
    code = "import sys, cloak, cloak.cli.main; sys.exit(bool({'fastapi', 'uvicorn', 'starlette'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_a_port_that_is_taken_is_said_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [COMMAND, "serve", "--no-browser", "--port", port],
            capture_output=True,
            text=True,
            env=_plain(),
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: cannot listen at 127.0.0.1")


@pytest.mark.parametrize(
    "options", [["--max-bytes", "much"], ["--keep", "0"], ["--max-memory", "-1"], ["--jobs", "0"], ["--port", "70000"]]
)
def test_options_that_make_no_sense_are_refused(options):
    done = subprocess.run([COMMAND, "serve", *options], capture_output=True, text=True, env=_plain(), check=False)
    assert done.returncode == 2


def test_a_browser_is_opened_only_where_somebody_sits(tmp_path):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o700)
    for display, options in (({"DISPLAY": ":7"}, ()), ({"DISPLAY": ""}, ()), ({"DISPLAY": ":7"}, ("--no-browser",))):
        environment = {**_plain(), "BROWSER": str(browser), **display}
        environment.pop("WAYLAND_DISPLAY", None)
        log = tmp_path / "log"
        with log.open("wb") as output:
            process = subprocess.Popen([COMMAND, "serve", *options], stdout=output, env=environment)
        _until(lambda log=log: b"#token=" in log.read_bytes())
        time.sleep(1)
        process.terminate()
        process.wait(60)
        said = log.read_text().strip()
        if display["DISPLAY"] and not options:
            assert opened.read_text().strip() == said
            opened.unlink()
        else:
            assert not opened.exists()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is the client of the example")
def test_a_photo_goes_through_with_curl_as_platforms_would_try_first(quick, tmp_path):
    (tmp_path / "in.jpg").write_bytes(PHONE)
    command = ["curl", "-sS", "-f", "-H", f"Authorization: Bearer {quick.token}", "--data-binary", "@in.jpg",
               f"{quick.url}/v1/protect", "-o", "out.jpg"]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "out.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


def _plain():
    return {name: value for name, value in os.environ.items() if name != "CLOAK_SERVE_TOKEN"}


def _open_files(process):
    found = []
    for one in Path(f"/proc/{process}/fd").iterdir():
        try:
            found.append(os.readlink(one))  # noqa: PTH115 -- it need not be a path
        except OSError:
            continue
    return found


def _lives(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(true, seconds=120):
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < end
        time.sleep(0.05)

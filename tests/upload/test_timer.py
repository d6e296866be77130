"""The lines that docs/upload.md and docs/watch.md give to cron and systemd do what they are there for."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cloak.cli.main import cloak as command

from .overdue import age

DOCS = Path(__file__).parents[2] / "docs"
CRON = re.compile(r"^(?:[\d*/,-]+ +){5}(cloak .*)$", re.MULTILINE)
SYSTEMD = re.compile(r"^ExecStart=%h/\.local/bin/(cloak .*)$", re.MULTILINE)


def lines(pattern: re.Pattern[str], page: str) -> list[str]:
    return pattern.findall((DOCS / page).read_text("utf-8"))


def run(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a line as cron does: next to nothing in the environment, no terminal, nobody to answer."""
    program = Path(sys.executable).with_name("cloak")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "CLOAK_HOME": os.environ["CLOAK_HOME"]}
    return subprocess.run(
        [program, *shlex.split(line)[1:]], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, cwd="/",
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="cron and systemd are of POSIX systems")
@pytest.mark.parametrize("pattern", [CRON, SYSTEMD], ids=["cron", "systemd"])
def test_the_line_deletes_what_is_due_and_prints_nothing_unless_it_cannot(
    cloak, examples, tmp_path, monkeypatch, pattern
):
    (line,) = lines(pattern, "upload.md")
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    there = tmp_path / "there"
    for name, expires in (("phone.jpg", "1h"), ("collins.png", "1d")):
        assert cloak("upload", examples / name, "--to", there, "--strip-only", "--expires", expires).code == 0
    age(2)
    done = run(line, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list(there.iterdir())) == 1
    assert cloak("upload", examples / "phone.jpg", "--to", there, "--strip-only", "--expires", "1h").code == 0
    there.rename(tmp_path / "unplugged")
    age(2)
    done = run(line, tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "is the disk that it is on connected" in done.stderr


def test_the_timer_runs_every_hour_and_makes_up_for_what_it_missed():
    text = (DOCS / "upload.md").read_text("utf-8")
    (timer,) = re.findall(r"```ini\n(\[Timer\].*?)```", text, re.DOTALL)
    assert {"OnCalendar=hourly", "Persistent=true", "WantedBy=timers.target"} <= set(timer.splitlines())


@pytest.mark.parametrize("page", ["upload.md", "watch.md"])
def test_the_services_run_commands_that_exist(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Camera").mkdir()
    (line,) = lines(SYSTEMD, page)
    name, *rest = shlex.split(line.replace("%h", str(tmp_path)))[1:]
    found = command.get_command(click.Context(command), name)
    while isinstance(found, click.Group):
        name, *rest = rest
        found = found.get_command(click.Context(found), name)
    assert found is not None
    found.make_context(name, rest).close()

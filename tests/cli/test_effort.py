"""`--effort`, from each command that has it down to the search: as many steps as it stands for, and no more."""

import os
import signal

import pytest
import torch

from cloak.config import SEARCHES, Effort

NOT_DEFAULT = [effort for effort in Effort if effort is not Effort.NORMAL]


@pytest.fixture
def searched(monkeypatch):
    """What searches for cloaks were asked for; they find none, since only the question counts here."""
    asked = []

    def nothing(batch, _, config):
        asked.append(config)
        return torch.zeros_like(batch.crops)

    monkeypatch.setattr("cloak.cloaker.attack", nothing)
    return asked


def as_asked(searched, effort):
    steps, looks, momentum, rate = SEARCHES[effort]
    (config,) = searched
    return (config.steps, config.looks, config.momentum, config.rate) == (steps, looks, momentum, rate)


@pytest.mark.parametrize("effort", NOT_DEFAULT)
def test_protect_searches_for_as_long_as_it_is_told(cloak, examples, tmp_path, searched, effort):
    result = cloak("protect", examples / "phone.jpg", "-o", tmp_path / "out", "--effort", effort)
    assert result.code == 0, result.err
    assert as_asked(searched, effort)


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("effort", NOT_DEFAULT)
def test_upload_searches_for_as_long_as_it_is_told(cloak, examples, home, searched, effort):
    (home / "config.toml").write_text(f'[destinations.disk]\nkind = "folder"\npath = "{home / "there"}"\n')
    result = cloak("upload", examples / "phone.jpg", "--to", "disk", "--effort", effort)
    assert result.code == 0, result.err
    assert as_asked(searched, effort)


@pytest.mark.parametrize("effort", NOT_DEFAULT)
def test_watch_searches_for_as_long_as_it_is_told(cloak, examples, searched, effort, monkeypatch):
    pytest.importorskip("watchfiles")
    monkeypatch.setattr("cloak.cli.watch._tell", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
    (folder := examples / "in").mkdir()
    (examples / "phone.jpg").rename(folder / "phone.jpg")
    result = cloak("watch", folder, "-o", examples / "out", "--settle", "0.2", "--effort", effort)
    assert result.code == 0, result.err
    assert as_asked(searched, effort)


@pytest.mark.parametrize("effort", NOT_DEFAULT)
def test_serve_searches_for_as_long_as_it_is_told(cloak, examples, searched, effort, monkeypatch):
    pytest.importorskip("starlette")
    from cloak.web.engine import Engine  # noqa: PLC0415 -- comes with an extra
    from cloak.web.tasks import How, Task  # noqa: PLC0415

    def serve(settings, listener, *_, **__):
        listener.close()
        engine = Engine(settings)
        engine.start()
        try:
            engine.ready.wait()
            engine.submit([task := Task(content=(examples / "phone.jpg").read_bytes(), how=How())])
            task.result.result(120)
        finally:
            engine.end()

    monkeypatch.setattr("cloak.web.runner.run", serve)
    assert cloak("serve", "--no-browser", "--port", "0", "--effort", effort).code == 0
    assert as_asked(searched, effort)

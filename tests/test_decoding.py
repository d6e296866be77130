"""Photos are decoded in processes of their own: what takes one down is one failed photo."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from cloak import ahead
from cloak.cloaker import Cloaker
from cloak.config import FacePolicy, ProtectConfig
from cloak.decoding import Decoder
from cloak.errors import CloakError, PhotoError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.codec import decode
from cloak.outcome import Status
from cloak.pipeline import protect
from cloak.steps import StoppedError
from cloak.targets import Job

pytestmark = pytest.mark.skipif(os.name != "posix", reason="photos are decoded in the same process there")
EVIL = {"segfault": "Segmentation fault", "bomb": "not enough memory", "exits": "exit code 3"}


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def decoder():
    with Decoder(max_pixels=10_000_000, program="hostile_worker", seconds=4) as decoder:
        yield decoder


def test_photos_are_the_same_as_when_decoded_here(examples, paint, tmp_path):
    paths = [*examples.iterdir(), paint(tmp_path / "a.webp"), paint(tmp_path / "b.png", mode="RGBA")]
    with Decoder() as decoder:
        for path in paths:
            ours, theirs = decode(path.read_bytes()), decoder.decode(path.read_bytes())
            assert torch.equal(ours.pixels, theirs.pixels)
            assert (ours.space, ours.encoding, ours.found) == (theirs.space, theirs.encoding, theirs.found)
            assert (ours.alpha is None) == (theirs.alpha is None)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", UnreadablePhotoError), (b"GIF89a" + bytes(20), UnsupportedPhotoError), (b"\xff\xd8\xff", PhotoError)],
)
def test_errors_are_the_same_as_when_decoded_here(data, kind):
    with pytest.raises(kind) as here:
        decode(data)
    with Decoder() as decoder, pytest.raises(kind) as there:
        decoder.decode(data)
    assert (type(here.value), str(here.value)) == (type(there.value), str(there.value))


@pytest.mark.parametrize("name", EVIL)
def test_a_photo_that_takes_the_decoder_down_is_one_failed_photo(decoder, paint, tmp_path, name):
    with pytest.raises(PhotoError, match=EVIL[name]):
        decoder.decode(name.encode())
    assert decoder.decode(paint(tmp_path / "a.png").read_bytes()).width == 48


@pytest.mark.parametrize("name", ["endless", "asleep"])
def test_a_photo_that_never_ends_is_ended(decoder, paint, tmp_path, name):
    with pytest.raises(UnreadablePhotoError, match=r"not decoded within 4 s|CPU time limit"):
        decoder.decode(name.encode())
    assert decoder.decode(paint(tmp_path / "a.png").read_bytes()).width == 48


def test_the_limit_on_pixels_holds(paint, tmp_path):
    with Decoder(max_pixels=100) as decoder, pytest.raises(TooLargeError, match="48 x 32"):
        decoder.decode(paint(tmp_path / "a.png").read_bytes())


def test_a_process_that_was_killed_while_idle_is_replaced(paint, tmp_path):
    data = paint(tmp_path / "a.png").read_bytes()
    with Decoder() as decoder:
        decoder.decode(data)
        children = _children()
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
        assert decoder.decode(data).width == 48
        assert children
        assert not set(children) & set(_children())


def _children() -> list[int]:
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in out.splitlines() if "cloak.image.worker" in line]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system does not show it")
def test_passwords_in_the_environment_are_not_handed_to_decoders(monkeypatch, paint, tmp_path):
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", "hush")
    with Decoder() as decoder:
        decoder.decode(paint(tmp_path / "a.png").read_bytes())
        told = [Path(f"/proc/{child}/environ").read_bytes() for child in _children()]
    assert told
    assert not any(b"hush" in one for one in told)


def test_memory_is_limited_where_less_processor_time_is_allowed_than_a_photo_has():
    code = (
        "import resource, sys; from cloak.image.worker import limit; resource.setrlimit(resource.RLIMIT_CPU, (50, 50));"
        "limit(1_000_000, 90); sys.exit(resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_threads_decode_side_by_side(examples):
    data = {path: path.read_bytes() for path in examples.iterdir()}
    wrong = []
    with Decoder() as decoder:

        def work():
            for _ in range(5):
                for content in data.values():
                    if not torch.equal(decoder.decode(content).pixels, decode(content).pixels):
                        wrong.append(content)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_the_processes_need_no_pytorch():
    code = "import sys, cloak.image.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_bad_photo_of_an_album_fails_and_the_others_are_written(decoder, paint, tmp_path):
    for number in range(6):
        paint(tmp_path / "in" / f"{number}.png")
    for name in EVIL:
        (tmp_path / "in" / f"{name}.png").write_bytes(name.encode())
    jobs = [Job(path, tmp_path / "out" / path.name) for path in sorted((tmp_path / "in").iterdir())]
    config = ProtectConfig(faces=FacePolicy.NONE, device="cpu")
    outcomes = list(protect(jobs, config, cloaker=Cloaker(config), decoder=decoder))
    assert [one.source.name for one in outcomes] == [job.source.name for job in jobs]
    assert {one.source.stem for one in outcomes if one.status is Status.FAILED} == set(EVIL)
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_where_no_process_can_be_started_the_error_says_what_to_do(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with Decoder() as decoder:
        decoder.start()
        with pytest.raises(CloakError, match="close other programs"):
            decoder.decode(b"any")


def _album(folder: Path, paint, good: int, hanging: dict[int, bytes]) -> list[Job]:
    """So many good photos; what hangs has the place of its number among them."""
    for number in range(good):
        paint(folder / "in" / f"{number:03}.png")
    for number, content in hanging.items():
        (folder / "in" / f"{number:03}z-hangs.png").write_bytes(content)
    return [Job(path, folder / "out" / path.name) for path in sorted((folder / "in").iterdir())]


def test_photos_that_hang_hold_up_no_others_and_are_told_of_in_order(monkeypatch, paint, tmp_path):
    """More of them than there are readers, in a row and among the others; more others than wait for each other."""
    monkeypatch.setattr(ahead, "SLOW", 0.3)
    jobs = _album(tmp_path, paint, 200, dict.fromkeys((0, 1, 2, 3, 150), b"asleep"))
    config = ProtectConfig(faces=FacePolicy.NONE, device="cpu", jobs=2)
    with Decoder(program="hostile_worker", seconds=25) as decoder:
        decoder.start()
        outcomes = protect(jobs, config, cloaker=Cloaker(config), decoder=decoder)
        seen = [next(outcomes), next(outcomes)]  # the second hangs, and has its time
        assert "not decoded within 25 s" in seen[1].reason
        written = {path.name for path in (tmp_path / "out").iterdir()}
        assert written == {job.source.name for job in jobs if "hangs" not in job.source.name}
        seen += outcomes
    assert [one.source for one in seen] == [job.source for job in jobs]
    assert [one.source.name for one in seen if one.status is Status.FAILED] == [
        f"{number:03}z-hangs.png" for number in (0, 1, 2, 3, 150)
    ]


def test_a_run_that_is_stopped_does_not_wait_for_a_photo_that_hangs(paint, tmp_path):
    jobs = _album(tmp_path, paint, 3, {0: b"asleep", 1: b"endless"})
    config, stop = ProtectConfig(faces=FacePolicy.NONE, device="cpu", jobs=2), threading.Event()
    with Decoder(program="hostile_worker", seconds=1000) as decoder:
        outcomes = protect(jobs, config, cloaker=Cloaker(config), decoder=decoder, stop=stop)
        assert next(outcomes).source.name == "000.png"
        stop.set()
        assert not [one for one in outcomes if one.status is Status.FAILED]
        assert decoder.decode(paint(tmp_path / "a.png").read_bytes()).width == 48


def test_what_one_run_gives_up_another_one_with_the_same_decoder_keeps(decoder):
    mine, theirs = threading.Event(), threading.Event()
    mine.set()
    with pytest.raises(StoppedError):
        decoder.decode(b"asleep", stop=mine)
    timer = threading.Timer(0.5, decoder.give_up, [mine])
    timer.start()
    with pytest.raises(UnreadablePhotoError, match="not decoded within 4 s"):
        decoder.decode(b"asleep", stop=theirs)
    timer.join()

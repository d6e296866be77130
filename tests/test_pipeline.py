"""The data flow from files to protected files, with the real networks and a short attack."""

import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, FacePolicy, NoFacePolicy, ProtectConfig
from cloak.container import Container, Encoding
from cloak.errors import OutputError, WriteError
from cloak.image import inspect
from cloak.image.codec import decode
from cloak.outcome import Outcome, Status
from cloak.pipeline import encoding_for, protect
from cloak.sinks import Sink
from cloak.sources import find_photos
from cloak.targets import Job, Treatment, plan

CONFIG = ProtectConfig(attack=AttackConfig(steps=2), device="cpu")


@pytest.fixture(scope="module")
def cloaker() -> Cloaker:
    return Cloaker(CONFIG)


def _jobs(folder: Path, out: Path) -> Sequence[Job]:
    return plan(find_photos([folder], output=out).sources, out)


def _protect(folder: Path, out: Path, config: ProtectConfig, cloaker: Cloaker) -> dict:
    outcomes = list(protect(_jobs(folder, out), config, cloaker=cloaker))
    assert [outcome.source for outcome in outcomes] == sorted(outcome.source for outcome in outcomes)
    return {outcome.source.name: outcome for outcome in outcomes}


def test_a_photo_in_memory_is_protected_without_a_file_and_with_a_choice_for_each_face(examples, cloaker):
    class Kept(Sink):
        def take(self, job: Job, data: bytes, outcome: Outcome) -> None:  # noqa: ARG002
            kept[job.source] = data

    kept: dict[Path, bytes] = {}
    name, content = Path("a"), (examples / "workers.jpg").read_bytes()
    job = Job(name, name, content=content, choices={0: Treatment.BLUR, 2: Treatment.LEAVE})
    (outcome,) = protect([job], CONFIG, cloaker=cloaker, sink=Kept())
    assert (outcome.status, outcome.found, outcome.blurred, outcome.left) == ("protected", 1, 1, ("you chose so",))
    faces = cloaker.detect([decode(content)])[0]
    before, after = (decode(data).pixels.float() for data in (content, kept[name]))
    changes = [(after - before).abs()[:, y0:y1, x0:x1].mean() for x0, y0, x1, y1 in (map(int, f.box) for f in faces)]
    blurred, cloaked, left = (float(change) for change in changes)
    assert blurred > 2 * cloaked > 2 * left


@pytest.mark.parametrize(
    "case",
    [
        ("collins.png", None, True),
        ("collins.png", Container.JPEG, False),
        ("phone.jpg", None, False),
        ("phone.jpg", Container.PNG, True),
        ("phone.jpg", Container.HEIC, False),
    ],
    ids=lambda case: "-".join(map(str, case[:2])),
)
def test_only_a_file_that_loses_nothing_gets_all_of_the_budget(examples, tmp_path, cloaker, monkeypatch, case):
    name, container, lossless = case
    searched = []
    monkeypatch.setattr(cloaker, "search", lambda batch, **_: searched.append(batch) or torch.zeros_like(batch.crops))
    job = Job(examples / name, tmp_path / "out")
    (outcome,) = protect([job], replace(CONFIG, container=container), cloaker=cloaker)
    assert outcome.status is Status.PROTECTED
    assert torch.cat([batch.lossless for batch in searched]).tolist() == [lossless] * len(outcome.faces)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_photo_in_black_and_white_stays_so(examples, tmp_path, cloaker, name):
    source, target = tmp_path / name, tmp_path / f"out-{name}"
    with Image.open(examples / "collins.png") as image:
        image.convert("L").save(source)
    (outcome,) = protect([Job(source, target)], CONFIG, cloaker=cloaker)
    assert [face.dssim > 0 for face in outcome.faces] == [True]
    written = decode(target.read_bytes()).pixels
    assert torch.equal(written, written[:1].expand(3, -1, -1))
    with Image.open(target) as image:
        assert image.mode == "L"


def test_photos_are_cloaked_stripped_judged_and_written_in_order(examples, paint, tmp_path, cloaker):
    paint(examples / "nobody.jpg", width=80, height=60)
    (examples / "broken.jpg").write_bytes(b"no photo")
    before = {path.name: path.read_bytes() for path in examples.iterdir()}
    outcomes = _protect(examples, tmp_path / "out", CONFIG, cloaker)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "broken.jpg": Status.FAILED,
        "collins.png": Status.PROTECTED,
        "nobody.jpg": Status.STRIPPED,
        "phone.jpg": Status.PROTECTED,
        "workers.jpg": Status.PROTECTED,
    }
    assert len(outcomes["workers.jpg"].faces) == 3
    assert "GPS position" in outcomes["phone.jpg"].removed
    for name, outcome in outcomes.items():
        assert (tmp_path / "out" / name).exists() == (outcome.status is not Status.FAILED)
    assert inspect.find((tmp_path / "out" / "phone.jpg").read_bytes()) == ()
    assert {path.name: path.read_bytes() for path in examples.iterdir()} == before


def test_only_pixels_near_faces_change(examples, tmp_path, cloaker):
    outcome = _protect(examples, tmp_path / "out", CONFIG, cloaker)["collins.png"]
    before, after = (decode(path.read_bytes()).pixels for path in (examples / "collins.png", outcome.target))
    left, top, right, bottom = outcome.faces[0].box
    rows, columns = (before != after).any(0).nonzero().unbind(1)
    wide, high = (right - left) * 0.125, (bottom - top) * 0.125
    assert left - wide <= columns.min() < columns.max() <= right + wide
    assert top - high <= rows.min() < rows.max() <= bottom + high


def test_the_same_seed_writes_the_same_bytes_and_another_one_others(examples, tmp_path, cloaker):
    other = replace(CONFIG, attack=replace(CONFIG.attack, seed=1))
    for name, config in (("one", CONFIG), ("two", CONFIG), ("three", other)):
        used = cloaker if config is CONFIG else Cloaker(other)
        list(protect([Job(examples / "workers.jpg", tmp_path / f"{name}.jpg")], config, cloaker=used))
    one, two, three = ((tmp_path / f"{name}.jpg").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_a_photo_without_a_face_is_a_failure_on_request(paint, tmp_path, cloaker):
    paint(tmp_path / "in" / "nobody.jpg", width=80, height=60)
    config = replace(CONFIG, no_face=NoFacePolicy.FAIL)
    outcome = _protect(tmp_path / "in", tmp_path / "out", config, cloaker)["nobody.jpg"]
    assert outcome.status is Status.FAILED
    assert "no face was found" in outcome.reason
    assert not (tmp_path / "out").exists()


def test_a_dry_run_writes_nothing_and_needs_no_recognisers(examples, tmp_path):
    cloaker = Cloaker(replace(CONFIG, dry_run=True))
    outcomes = _protect(examples, tmp_path / "out", cloaker.config, cloaker)
    assert {outcome.status for outcome in outcomes.values()} == {Status.WOULD_PROTECT}
    assert outcomes["workers.jpg"].found == 3
    assert "GPS position" in outcomes["phone.jpg"].removed
    assert not (tmp_path / "out").exists()
    assert "surrogates" not in vars(cloaker.networks)


def test_the_largest_face_alone_is_cloaked_on_request(examples, tmp_path):
    config = replace(CONFIG, faces=FacePolicy.LARGEST)
    outcome = _protect(examples, tmp_path / "out", config, Cloaker(config))["workers.jpg"]
    assert len(outcome.faces) == 1
    assert outcome.left == ("not the largest", "not the largest")


def test_faces_that_are_too_small_are_left_and_said_to_be(examples, tmp_path, cloaker):
    (tmp_path / "in").mkdir()
    with Image.open(examples / "workers.jpg") as image:
        image.resize((image.width * 4 // 7, image.height * 4 // 7)).save(tmp_path / "in" / "small.png")
    outcome = _protect(tmp_path / "in", tmp_path / "out", CONFIG, cloaker)["small.png"]
    assert any(reason.startswith("too small (") for reason in outcome.left)


def test_a_consumer_that_stops_leaves_whole_files_only(paint, tmp_path):
    config = replace(CONFIG, faces=FacePolicy.NONE)
    for number in range(100):
        paint(tmp_path / "in" / f"{number:02}.png")
    outcomes = protect(_jobs(tmp_path / "in", tmp_path / "out"), config)
    first = next(outcomes)
    outcomes.close()
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert first.source.name in written
    assert len(written) < 100
    assert all(data.endswith(b"IEND\xaeB`\x82") for data in written.values())


def test_a_sink_that_breaks_while_it_notes_a_failure_ends_the_run_and_does_not_hang(paint, tmp_path):
    class Broken(Sink):
        def take(self, job: Job, data: bytes, outcome: Outcome) -> None:  # noqa: ARG002
            raise WriteError("the disk is full")

        def failed(self, job: Job, outcome: Outcome) -> None:  # noqa: ARG002
            raise OutputError("the manifest cannot be used")

    paint(tmp_path / "in" / "one.png")
    config = replace(CONFIG, faces=FacePolicy.NONE)
    raised: Future[list[Outcome]] = Future()

    def run() -> None:
        try:
            raised.set_result(list(protect(_jobs(tmp_path / "in", tmp_path / "out"), config, sink=Broken())))
        except BaseException as error:  # for the thread that waits
            raised.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    with pytest.raises(OutputError, match="the manifest cannot be used"):
        raised.result(timeout=60)


@pytest.mark.parametrize(
    ("container", "quality"), [(Container.PNG, None), (Container.WEBP, 90), (Container.JPEG, 71), (None, 71)]
)
def test_a_photo_keeps_its_quality_unless_its_format_changes(container, quality):
    encoding = Encoding(container=Container.JPEG, quality=71, subsampling="4:4:4")
    assert encoding_for(encoding, container).quality == quality
    assert encoding_for(encoding, container).subsampling == "4:4:4"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_photos(tmp_path):
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from cloak import FacePolicy, ProtectConfig, find_photos, plan, protect\n"
        "folder, out = map(Path, sys.argv[1:])\n"
        "jobs = plan(find_photos([folder], output=out).sources, out)\n"
        "config = ProtectConfig(faces=FacePolicy.NONE, device='cpu')\n"
        "for outcome in protect(jobs, config):\n"
        "    print(Path('/proc/self/statm').read_text().split()[1])\n"
    )
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(torch.randint(0, 256, (2000, 3000, 3), dtype=torch.uint8).numpy()).save(
        folder / "0.jpg", quality=30
    )
    for number in range(1, 80):
        os.link(folder / "0.jpg", folder / f"{number}.jpg")
    command = [sys.executable, "-c", script, folder, tmp_path / "out"]
    pages = [int(line) for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]
    # Not the peak: how many photos meet on their way is chance, and the more there are, the more often many do.
    early, late = statistics.median(pages[20:40]), statistics.median(pages[60:])
    assert late < early * 1.1, (early, late)

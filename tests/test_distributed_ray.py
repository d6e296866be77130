"""Albums on a Ray cluster and in a bucket: an S3 that fails every tenth time, workers that are killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cloak.album import look
from cloak.config import ProtectConfig
from cloak.distributed.places import HIDDEN
from cloak.errors import UsageError
from cloak.manifest import OURS

from . import distributed_cluster
from .distributed_cluster import Cluster, assert_alike
from .upload.servers import moto
from .upload.servers.gate import Gate
from .upload.servers.loopback import Answer, Cut

pytest.importorskip("ray")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")]

RUN = Path(__file__).with_name("distributed_run.py")
COMMAND = [sys.executable, "-m", "cloak.cli.main", "protect", "--device", "cpu", "--faces", "none", "--json"]


@dataclass(frozen=True)
class There:
    """Everything that is shared by the tests of this file: it takes long to start."""

    cluster: Cluster
    gate: Gate
    s3: Any

    def run(self, *arguments: object, engine: str = "ray") -> dict[str, str]:
        """Protect on the cluster with a short attack, and return what became of each photo."""
        command = [sys.executable, RUN, *map(str, arguments), "--engine", engine, "--address", self.cluster.address]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def protect(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command itself, without looking for faces."""
        command = [*COMMAND, *map(str, arguments), "--engine", "ray", "--address", self.cluster.address]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment())

    @contextmanager
    def started(self, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
        command = [sys.executable, RUN, *map(str, arguments), "--engine", "ray", "--address", self.cluster.address]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environment()
        ) as process:
            yield process

    def fill(self, bucket: str, folder: Path) -> str:
        self.s3.create_bucket(Bucket=bucket)
        for path in sorted(folder.rglob("*.*")):
            self.s3.upload_file(str(path), bucket, f"album/{path.relative_to(folder).as_posix()}")
        return f"s3://{bucket}/album"

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        found = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {
            each["Key"]: self.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            for each in found
            if HIDDEN not in each["Key"]
        }

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.cluster.environment}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("cluster")
    with moto.running(folder) as server:
        gate = Gate(server.address)
        gate.every, gate.ways = 10, (Answer(503), Cut.AFTER_BODY, Cut.BEFORE_ANSWER)
        with gate.running():
            environment = {
                "AWS_ENDPOINT_URL": gate.address,
                "AWS_ACCESS_KEY_ID": server.key,
                "AWS_SECRET_ACCESS_KEY": server.secret,
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            with distributed_cluster.running(folder, environment) as cluster:
                yield There(cluster, gate, server.client)


@pytest.fixture
def photos(examples, paint, tmp_path):
    """Three photos with faces, two in each of two folders without, and one that is broken."""
    for number in range(4):
        paint(tmp_path / "photos" / str(number % 2) / f"painted{number}.png", width=60 + number)
    (examples / "broken.jpg").write_bytes((examples / "phone.jpg").read_bytes()[:2000])
    return examples


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in OURS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _plain(photos: Path, out: Path) -> dict[str, str]:
    out.mkdir()
    command = [sys.executable, RUN, photos, "-o", out]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_from_bucket_to_bucket_over_failing_requests_and_a_killed_worker_all_is_there_once_and_as_without(
    there, photos, tmp_path
):
    for number in range(2):  # so that there is something to do when the worker is killed
        shutil.copy(photos / "phone.jpg", photos / f"phone{number}.jpg")
    plain = _plain(photos, tmp_path / "plain")
    source = there.fill("first", photos)
    failed = there.gate.failed
    with there.started(source, "-o", "s3://first/out") as process:
        while process.poll() is None and len(there.objects("first", "out/")) < 2:
            time.sleep(0.05)
        killed = there.cluster.kill_workers()
        out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert killed
    assert there.gate.failed > failed + 2, "the gate failed no requests"
    statuses = json.loads(out)
    # A photo that was written just before its worker was killed is found done when it is taken up again.
    assert {name: status for name, status in statuses.items() if status != "already done"}.items() <= plain.items()
    assert statuses["broken.jpg"] == "failed"
    written = {name.removeprefix("out/"): data for name, data in there.objects("first", "out/").items()}
    assert_alike(written, _content(tmp_path / "plain"))
    originals = {name.removeprefix("album/"): data for name, data in there.objects("first", "album/").items()}
    assert originals == _content(photos)

    again = there.run(source, "-o", "s3://first/out")
    assert again == {**dict.fromkeys(plain, "already done"), "broken.jpg": "failed"}
    there.s3.upload_file(str(photos / "workers.jpg"), "first", "album/phone0.jpg")
    there.s3.delete_object(Bucket="first", Key="out/1/painted1.png")
    third = there.run(source, "-o", "s3://first/out", engine="plain")  # one engine goes on where the other was
    changed = {"phone0.jpg": "protected", "painted1.png": "stripped"}
    assert third == {**again, **changed}
    after = there.objects("first", "out/")
    assert after["out/phone0.jpg"] == written["workers.jpg"]
    assert after["out/1/painted1.png"] == written["1/painted1.png"]


def test_folder_to_folder_the_manifest_is_the_plain_one_and_a_killed_worker_is_no_loss(there, photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with there.started(photos, "-o", out) as process:
        while process.poll() is None and not _content(out):
            time.sleep(0.02)
        killed = there.cluster.kill_workers()
        printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert killed
    plain = _plain(photos, tmp_path / "plain")
    assert json.loads(printed) == plain
    assert_alike(_content(out), _content(tmp_path / "plain"))
    assert len(look(out).done) == 7
    # One after the other, in either order.
    command = [sys.executable, RUN, photos, "-o"]
    again = subprocess.run([*command, out], capture_output=True, text=True, check=True)
    assert json.loads(again.stdout) == {**dict.fromkeys(plain, "already done"), "broken.jpg": "failed"}
    assert there.run(photos, "-o", tmp_path / "plain") == json.loads(again.stdout)


def test_the_command_says_what_the_plain_one_says_and_names_stay_out_of_the_logs(there, paint, tmp_path):
    name = "a-very-telling-name"
    for number in range(3):
        paint(tmp_path / "in" / f"{name}-{number}.png", width=50 + number)
    (tmp_path / "in" / f"{name}-broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    there.s3.create_bucket(Bucket="second")
    result = there.protect(tmp_path / "in", "-o", "s3://second/out")
    plain = subprocess.run(
        [*COMMAND, tmp_path / "in", "-o", tmp_path / "plain"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, plain.returncode) == (3, 3)
    assert result.stderr == plain.stderr
    ours, theirs = json.loads(result.stdout), json.loads(plain.stdout)
    assert ours["summary"] == theirs["summary"]
    for one, other in zip(ours["photos"], theirs["photos"], strict=True):
        target = other["target"] and f"s3://second/out/{Path(other['target']).name}"
        assert one == {**other, "target": target}
    assert there.objects("second").keys() == {f"out/{name}-{number}.png" for number in range(3)}
    back = there.protect("s3://second/out", "-o", tmp_path / "back")
    assert back.returncode == 0, back.stderr
    assert _content(tmp_path / "back") == _content(tmp_path / "plain")
    assert there.protect("s3://second/out", "-o", "s3://second/out/").returncode == 2

    logs = [path for path in there.cluster.logs.rglob("*") if path.is_file()]
    assert logs
    assert not [path for path in logs if name.encode() in path.read_bytes()]


def test_the_report_is_that_of_one_machine_and_the_album_is_told_apart_by_its_url(there, paint, tmp_path):
    for number in range(6):
        paint(tmp_path / "in" / f"{number}.png", width=700 + number, height=500)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    source = there.fill("report", tmp_path / "in")
    plain, page = tmp_path / "plain.html", tmp_path / "page.html"
    command = [*COMMAND, tmp_path / "in", "-o", tmp_path / "plain", "--report", plain]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 3
    for output in ("s3://report/out", tmp_path / "out"):
        result = there.protect(source, "-o", output, "--report", page)
        assert (result.returncode, result.stderr.count("\n")) == (3, 1), result.stderr
        told = page.read_text().replace(str(output), str(tmp_path / "plain")).replace(source, str(tmp_path / "in"))
        assert told == plain.read_text()
        assert there.protect(source, "-o", output, "--report", page).returncode == 3, "its own page is replaced"
        assert page.read_text().count("already done by an earlier run") == 6
        page.unlink()
    for output in ("s3://report/out", tmp_path / "out"):
        status = subprocess.run(
            [*COMMAND[:3], "album", "status", output, "--json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **there.cluster.environment},
        )
        assert (status.returncode, status.stderr) == (3, "")
        assert json.loads(status.stdout)["summary"] == {
            "done": 6,
            "failed": 1,
            "missing": 0,
            "changed": 0,
            "foreign": 0,
        }


def test_ctrl_c_stops_in_good_order_and_the_same_command_goes_on(there, paint, tmp_path):
    for number in range(300):
        paint(tmp_path / "in" / f"{number:03}.png", width=500, height=400)
    there.s3.create_bucket(Bucket="third")
    command = [*COMMAND[:-1], tmp_path / "in", "-o", "s3://third/out", "--engine", "ray"]
    command += ["--address", there.cluster.address]
    environment = {**os.environ, **there.cluster.environment, "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "-v"], stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert (process.returncode, errors) == (1, "")
    assert "No file is half written." in rest
    written = there.objects("third", "out/")  # a worker may have begun anywhere
    reported = 1 + sum(line.startswith("stripped: ") for line in rest.splitlines())
    assert reported <= len(written) < 300
    again = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (
        f"{300 - len(written)} stripped only (no face cloaked), {len(written)} already done, 0 failed." in again.stdout
    )


def test_each_gpu_has_a_worker_and_without_any_every_four_processors():
    from cloak.distributed.engine import Staff, staff  # noqa: PLC0415 -- Ray

    config = ProtectConfig()
    assert staff([{"CPU": 64}, {"CPU": 6}, {}], config) == Staff(workers=17, cpus=4, gpus=0)
    assert staff([{"CPU": 2}], config) == Staff(workers=1, cpus=2, gpus=0)
    assert staff([{"CPU": 2}], replace(config, jobs=1)) == Staff(workers=2, cpus=1, gpus=0)
    gpus = [{"CPU": 8, "GPU": 2}, {"CPU": 8}]
    assert staff(gpus, config) == Staff(workers=2, cpus=1, gpus=1)
    assert staff(gpus, replace(config, device="cpu")) == Staff(workers=4, cpus=4, gpus=0)
    with pytest.raises(UsageError, match="no GPU for --device cuda"):
        staff([{"CPU": 2}], replace(config, device="cuda"))
    with pytest.raises(UsageError, match="no processors"):
        staff([{}], config)


def test_without_an_address_a_cluster_is_started_and_nothing_of_it_is_left(paint, tmp_path):
    paint(tmp_path / "in" / "one.png")
    mark = tmp_path.name
    environment = {**os.environ, "CLOAK_TEST_CLUSTER": mark}
    # Beside the photos lies what Python would import for NumPy and for us, if it looked there.
    for name in ("numpy", "cloak"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('code of a stranger was run')\n")
    command = [*COMMAND, "in", "-o", "out", "--engine", "ray"]
    before = set(Path("/tmp").glob("cloak-ray-*"))  # noqa: S108
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert _content(tmp_path / "out").keys() == {"one.png"}
    assert set(Path("/tmp").glob("cloak-ray-*")) <= before  # noqa: S108
    end = time.monotonic() + 30
    while distributed_cluster.processes(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert not distributed_cluster.processes(mark)

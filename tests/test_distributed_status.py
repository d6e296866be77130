"""`cloak album status` of outputs that are named by their URL."""

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("fsspec")


from cloak.album import look as look_here
from cloak.distributed import standing
from cloak.distributed.places import HIDDEN, Place
from cloak.distributed.records import ALBUM, Record, open_album, record_name
from cloak.distributed.standing import look

from .upload.servers import moto
from .upload.servers.programs import program

OPTIONS = ("--faces", "none", "--device", "cpu", "-q")


def _all(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def _spoil(out: Path) -> None:
    """Have one file of each kind."""
    (out / "0" / "0.png").unlink()
    (out / "1" / "1.png").write_bytes(b"edited")
    (out / "mine.txt").write_text("of the user")


def test_a_url_and_a_folder_that_went_through_the_same_stand_alike_in_words_json_and_exit_code(cloak, photos, tmp_path):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    here, there = tmp_path / "here", tmp_path / "there"
    for out in (here, f"file://{there}"):
        assert cloak("protect", photos, "-o", out, *OPTIONS).code == 3
    for out in (here, there):
        _spoil(out)
    before = _all(there)
    for options in ((), ("--json",)):
        ours, theirs = (cloak("album", "status", out, *options) for out in (f"file://{there}", here))
        assert (ours.code, ours.out, ours.err) == (3, theirs.out, "")
    told = json.loads(ours.out)
    assert told["summary"] == {"done": 2, "failed": 1, "missing": 1, "changed": 1, "foreign": 1}
    assert told["missing"] == [os.path.join("0", "0.png")]  # noqa: PTH118
    assert look(f"file://{there}/") == look_here(here)
    assert _all(there) == before, "nothing changes"


def test_a_folder_that_was_written_to_by_its_url_is_to_be_named_by_it(cloak, photos, tmp_path):
    url = (tmp_path / "out").as_uri()
    assert cloak("protect", photos, "-o", url, *OPTIONS).code == 0
    result = cloak("album", "status", tmp_path / "out")
    assert (result.code, f"name it by that, as in {url}" in result.err) == (2, True)
    assert cloak("album", "status", url).code == 0


def test_an_album_that_is_all_done_has_exit_code_0(cloak, memory, photos):
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS).code == 0
    names = memory.find("/out")
    result = cloak("album", "status", "memory://out")
    assert (result.code, result.out) == (0, "4 done: written, and as they were written.\n")
    assert memory.find("/out") == names


def test_what_a_run_that_is_under_way_has_begun_is_missing_and_what_it_writes_meanwhile_is_not_foreign(
    cloak, memory, photos, monkeypatch
):
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS).code == 0
    data = memory.cat_file("/out/0/0.png")
    memory.rm_file("/out/0/0.png")
    assert look("memory://out").missing == ["0/0.png"]
    memory.pipe_file("/out/0/0.png", data)

    place = Place("memory://out")
    young = record_name("1/1.png", open_album(place, create=False))
    listed = [each for each in place.listing() if each[0] != young]  # its record came after the list of files
    monkeypatch.setattr(Place, "listing", lambda _: iter(listed))
    assert look("memory://out").done == ["0/0.png", "0/2.png", "1/1.png", "1/3.png"]


def test_a_photo_that_is_begun_anew_is_missing_as_long_as_the_earlier_one_is_there(cloak, memory, photos):
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS).code == 0
    earlier = memory.cat_file("/out/0/0.png")
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS, "--format", "webp").code == 0
    place = Place("memory://out")
    salt = open_album(place, create=False)
    assert len(look("memory://out").done) == 8
    name = record_name("0/0.webp", salt)
    made = Record.read(memory.cat_file(f"/out/{name}"))
    old = Record.read(memory.cat_file(f"/out/{record_name('0/0.png', salt)}"))
    began = Record(target="0/0.png", status="stripped", content=made.content, earlier=old.content)
    place.write(record_name("0/0.png", salt), began.written())
    assert look("memory://out").missing == ["0/0.png"]
    memory.pipe_file("/out/0/0.png", earlier + b"edited")
    assert look("memory://out").changed == ["0/0.png"]


def test_more_photos_than_are_asked_for_at_a_time_are_all_looked_at(cloak, memory, photos, monkeypatch):
    monkeypatch.setattr(standing, "AHEAD", 2)
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS).code == 0
    memory.pipe_file("/out/z.txt", b"")
    assert (len(look("memory://out").done), look("memory://out").foreign) == (4, ["z.txt"])


@pytest.mark.parametrize("url", ["memory://nowhere", "memory://in"])
def test_a_place_without_records_is_no_album(cloak, memory, url):
    memory.pipe_file("/in/0.png", b"")
    result = cloak("album", "status", url)
    assert (result.code, result.out) == (2, "")
    assert f"{url} is not an album, there is no {ALBUM} in it" in result.err


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("url", "said"),
    [("nosuch://out", "cannot be used"), ("sftp://me:secret@host/out", "passwords do not belong")],
)
def test_what_is_no_place_is_said(cloak, url, said):
    result = cloak("album", "status", url)
    assert (result.code, said in result.err) == (2, True), result.err
    assert "secret" not in result.err


def test_without_the_extra_it_is_named(cloak, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    result = cloak("album", "status", "s3://bucket/out")
    assert result.code == 1
    assert 'pip install "photo-cloak[ray]"' in result.err


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"target": 1}', b'{"target": "../secret", "status": "stripped"}', b'{"target": "/etc"}']
)
def test_a_damaged_record_is_named_with_what_to_do(cloak, memory, photos, content):
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS).code == 0
    name = record_name("0/0.png", open_album(Place("memory://out"), create=False))
    memory.pipe_file(f"/out/{name}", content)
    result = cloak("album", "status", "memory://out")
    assert (result.code, result.out) == (1, "")
    assert f"the record {name} is damaged" in result.err
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS, "--overwrite").code == 0
    assert cloak("album", "status", "memory://out").code == 0


def test_what_cannot_be_read_is_not_taken_for_missing(cloak, memory, photos, monkeypatch):
    monkeypatch.setattr("cloak.distributed.places.PAUSE", 0)
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS).code == 0
    monkeypatch.setattr(type(memory), "info", lambda *_, **__: (_ for _ in ()).throw(OSError("cut off")))
    result = cloak("album", "status", "memory://out")
    assert (result.code, result.out) == (1, "")
    assert "memory://out cannot be read: cannot look at " in result.err
    assert "cut off" in result.err


def test_a_newer_album_is_left_alone(cloak, memory):
    memory.pipe_file(f"/out/{ALBUM}", b'{"version": 99, "salt": "00"}')
    result = cloak("album", "status", "memory://out")
    assert result.code == 1
    assert "newer version" in result.err


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    pytest.importorskip("s3fs")
    program("python/bin/moto_server")  # skips where it is not installed
    with moto.running(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def bucket(server, monkeypatch):
    """A bucket, and credentials for it in the environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.address,
        "AWS_ACCESS_KEY_ID": server.key,
        "AWS_SECRET_ACCESS_KEY": server.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return server.bucket(f"status{os.urandom(4).hex()}")


def _objects(server, bucket):
    found = server.client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {each["Key"]: (each["ETag"], each["LastModified"]) for each in found}


def test_a_bucket_is_told_apart_like_a_folder_and_stays_as_it_is(cloak, server, bucket, photos, tmp_path):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    url, here = f"s3://{bucket}/out", tmp_path / "here"
    for out in (url, here):
        assert cloak("protect", photos, "-o", out, *OPTIONS).code == 3
    _spoil(here)
    server.client.delete_object(Bucket=bucket, Key="out/0/0.png")
    server.client.put_object(Bucket=bucket, Key="out/1/1.png", Body=b"edited")
    server.client.put_object(Bucket=bucket, Key="out/mine.txt", Body=b"of the user")
    server.client.put_object(Bucket=bucket, Key="out/folder/", Body=b"")  # what consoles make
    before = _objects(server, bucket)
    for options in ((), ("--json",)):
        ours, theirs = (cloak("album", "status", out, *options) for out in (url, here))
        assert (ours.code, ours.out, ours.err) == (3, theirs.out, "")
    assert _objects(server, bucket) == before
    assert any(HIDDEN in name for name in before)


def test_a_bucket_that_is_not_there_is_no_album(cloak, bucket):
    result = cloak("album", "status", f"s3://{bucket}-other/out")
    assert result.code == 2
    assert "is not an album" in result.err


def test_who_may_not_read_a_bucket_is_told_so(cloak, server, bucket, photos, monkeypatch):
    assert cloak("protect", photos, "-o", f"s3://{bucket}/out", *OPTIONS).code == 0
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    server.judge_keys(judge=True)
    try:
        result = cloak("album", "status", f"s3://{bucket}/out")
    finally:
        server.judge_keys(judge=False)
    assert result.code == 1
    assert f"s3://{bucket}/out cannot be read" in result.err
    assert "permission denied: look at the credentials" in result.err

"""The HTTP API does what its document says: schemathesis tries out each route with values of all kinds."""

import io
import json
import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageOps

from ..upload.servers.programs import program  # noqa: TID252 -- tests are no package to import from
from .browser import QUICK
from .served import served
from .uploads import photo

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One with somewhere to upload to, whose log says what was asked for."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "cloak").mkdir()
    place = f'[destinations.attic]\nkind = "folder"\nexpires = "7d"\npath = "{(folder / "attic").as_posix()}"\n'
    (folder / "cloak" / "config.toml").write_text(place, "utf-8")
    own = {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    options = ("-v", "--max-bytes", "1M", "--queue", "64")
    with served(folder / "log", *options, command=QUICK, **own) as server:
        yield server


# No schema can say which bytes are a photo: that one is refused is no difference between document and server.
CONFIG = """
hooks = "photos.py"
generation.max-examples = 15

[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 413, 415, 422, 429, "5xx"]
"""

HOOKS = """
from pathlib import Path
import schemathesis
from hypothesis import strategies

PHOTOS = strategies.just(Path(__file__).with_name("photo.jpg").read_bytes()) | strategies.binary()
for kind in ("application/octet-stream", "image/*"):
    schemathesis.openapi.media_type(kind, PHOTOS)
"""


def _prepared(client):
    """What routes are asked about, by the ids of operations: jobs and photos that are there."""
    with ImageOps.exif_transpose(Image.open(EXAMPLES / "phone.jpg")) as image:
        image.thumbnail((500, 500))
        image.save(file := io.BytesIO(), "JPEG", quality=90)
    jobs = {name: client.post("/v1/jobs").json()["id"] for name in ("done", "begun", "open", "gone", "emptied")}
    photos = {
        name: client.post(f"/v1/jobs/{jobs[name]}/photos", content=content).json()
        for name, content in (("done", file.getvalue()), ("begun", photo()), ("emptied", photo()))
    }
    assert len(photos["done"]["inspection"]["faces"]) == 1
    job = f"/v1/jobs/{jobs['done']}"
    left = {photos["done"]["id"]: {"faces": {"0": "leave"}}}  # what takes long is what a preview does
    assert client.post(f"{job}/start", json={"photos": left}).status_code == 202
    end = time.monotonic() + 300
    while client.get(job).json()["state"] != "done":
        assert time.monotonic() < end
        time.sleep(0.1)
    of = dict.fromkeys(
        ("get_job", "get_picture", "get_face", "get_protected", "get_archive", "preview", "upload_job"), "done"
    )
    of |= {"start_job": "begun", "add_photo": "open", "delete_job": "gone", "delete_photo": "emptied"}
    told = {operation: {"path.job": jobs[name]} for operation, name in of.items()}
    for operation, name in of.items():
        if name in photos:
            told[operation]["path.photo"] = photos[name]["id"]
    told["get_face"]["path.index"] = 0
    told["preview"] |= {"body.face": 0, "body.strength": "subtle"}
    told["upload_job"]["body.destination"] = "attic"
    return told


@pytest.mark.slow
def test_no_request_makes_it_say_what_its_document_does_not(server, tmp_path):
    """Photos and ids of jobs are given, as no others than those that are there would be found out."""
    with server.client() as client:
        prepared = _prepared(client)
        document = client.get("/openapi.json").json()
    config = CONFIG
    for operation, parameters in prepared.items():
        lines = "\n".join(f'"{name}" = {json.dumps(value)}' for name, value in parameters.items())
        config += f'[[operations]]\ninclude-operation-id = "{operation}"\n[operations.parameters]\n{lines}\n'
        if operation == "preview":  # takes a second each, so that there are to be few
            config += "[operations.generation]\nmax-examples = 4\n[operations.phases.coverage]\nenabled = false\n"
    (tmp_path / "schemathesis.toml").write_text(config, "utf-8")
    (tmp_path / "photos.py").write_text(HOOKS, "utf-8")
    (tmp_path / "photo.jpg").write_bytes(photo())
    before = server.log.stat().st_size
    command = [
        program("schemathesis/bin/schemathesis"),
        "run",
        f"{server.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {server.token}",
        "--checks=all",
        "--seed=8",
        "--generation-deterministic",
        "--no-color",
        "--request-timeout=120",
        "--max-response-time=120",  # on a crowded machine a preview takes its time
        "--workers=1",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = server.log.read_bytes()[before:].decode("utf-8", "replace")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Traceback" not in said
    reached = set(re.findall(r"(?m)(\S+ /v1/\S+) 2\d\d ", said))
    wanted = {f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each}
    assert {one for one in wanted if "/v1/" in one} <= reached


def test_the_document_is_whole(server):
    document = httpx.get(f"{server.url}/openapi.json").json()
    assert document["openapi"].startswith("3.")
    for path, operations in document["paths"].items():
        for method, one in operations.items():
            assert one.get("summary") or one.get("description"), (method, path)
            assert re.fullmatch(r"[A-Za-z0-9_]+", one["operationId"]), (method, path)
            if path not in {"/healthz", "/"}:
                assert "401" in one["responses"], (method, path)
                assert one.get("security") or document.get("security"), (method, path)
    assert "bearer" in json.dumps(document["components"]["securitySchemes"]).lower()


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("photos/x/preview", {"face": False}),
        ("photos/x/preview", {"face": "0"}),
        ("photos/x/preview", {"face": 10_000}),
        ("upload", {"destination": "attic", "public": 1}),
        ("upload", {"destination": "attic", "link": "yes"}),
        ("upload", {"destination": 5}),
    ],
)
def test_what_is_not_of_the_kind_that_the_document_names_is_refused(server, route, body):
    with server.client() as client:
        answer = client.post(f"/v1/jobs/x/{route}", json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


def test_the_document_holds_nothing_of_elsewhere(server):
    text = httpx.get(f"{server.url}/openapi.json").text
    assert not [one for one in re.findall(r"https?://[^\s\"]+", text) if "json-schema" not in one]
    assert httpx.get(f"{server.url}/docs", headers=server.bearer).status_code == 404
    assert httpx.get(f"{server.url}/redoc", headers=server.bearer).status_code == 404


def test_a_photo_by_each_of_the_routes_for_platforms(server):
    with server.client() as client:
        for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
            protected = client.post("/v1/protect", content=photo(kind))
            assert protected.headers["content-type"] == f"image/{kind.lower()}"
            assert json.loads(protected.headers["cloak-outcome"])["status"] == "stripped"
            assert client.post("/v1/inspect", content=photo(kind)).json()["findings"]
            assert client.post("/v1/inspect", content=protected.content).json()["findings"] == []

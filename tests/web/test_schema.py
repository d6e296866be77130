"""The HTTP API does what its document says: schemathesis tries out each route with values of all kinds."""

import json
import re
import subprocess

import httpx
import pytest

from ..upload.servers.programs import program  # noqa: TID252 -- tests are no package to import from
from .served import served
from .uploads import photo


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("serve") / "log", "--max-bytes", "1M", "--queue", "64") as server:
        yield server


# No schema can say which bytes are a photo: that one is refused is no difference between document and server.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 413, 415, 422, 429, "5xx"]
"""


@pytest.mark.slow
def test_no_request_makes_it_say_what_its_document_does_not(server, tmp_path):
    command = [
        program("schemathesis/bin/schemathesis"),
        "run",
        f"{server.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {server.token}",
        "--checks=all",
        "--max-examples=15",
        "--seed=8",
        "--generation-deterministic",
        "--no-color",
        "--request-timeout=60",
        "--workers=1",
    ]
    (tmp_path / "schemathesis.toml").write_text(CONFIG, "utf-8")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = server.log.read_text("utf-8", "replace")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Traceback" not in said


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

"""No name, path or id that a client sends reaches the file system; no photo does; no log says what was sent."""

import io
import shutil
import ssl
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import trustme

from .served import COMMAND, served
from .uploads import SECRET, photo

NAMES = [
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "C:\\a.jpg",
    "a\0b.jpg",
    "a\r\nSet-Cookie: x=y.jpg",
    'a"; filename="b.jpg',
    "Ärger 😀.jpg",
    "\u202egpj.exe",
    ".",
    "",
    "a" * 5000,
    "CON.jpg",
    "-rf.jpg",
]
IDS = [
    "%2e%2e",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2fetc%2fpasswd",
    "%00",
    "a" * 5000,
    "*",
    "~root",
    "%ff%fe",
    "0" * 32,
]
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT")
MARK = "Xq7-marked"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("serve") / "log") as server:
        yield server


@pytest.mark.parametrize("name", IDS)
def test_an_id_that_was_not_given_out_is_not_found_whatever_it_looks_like(server, name):
    photo_of = f"/v1/jobs/{name}/photos/{name}"
    with server.client() as client:
        assert client.post("/v1/jobs").status_code == 201
        for path in (
            f"/v1/jobs/{name}",
            photo_of,
            f"{photo_of}/picture?which=original",
            f"{photo_of}/faces/0",
            f"{photo_of}/protected",
            f"/v1/jobs/{name}/archive",
            f"/page/{name}",
            f"/page/languages/{name}",
        ):
            answer = client.get(path)
            assert answer.status_code in {400, 404, 405, 422}, (path, answer.status_code)
            assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "path",
    ["/page/../../cli/serve.py", "/../../../etc/passwd", "//etc/passwd", "/page//etc/passwd", "/page/..%5c..%5cx"],
)
def test_a_path_out_of_the_page_is_not_found(server, path):
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n"
    assert server.raw(request.encode()).startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))


def test_names_of_files_are_names_and_nothing_else(server):
    with server.client() as client:
        job = client.post("/v1/jobs").json()["id"]
        ids = []
        for name in NAMES:
            header = {"Cloak-Filename": quote(name, safe="")}
            answer = client.post(f"/v1/jobs/{job}/photos", content=photo(), headers=header)
            assert answer.status_code in {201, 400, 422}, (name, answer.text)
            if answer.status_code == 201:
                ids.append(answer.json()["id"])
        assert client.post(f"/v1/jobs/{job}/start", json={"strength": "subtle", "names": "keep"}).status_code == 202
        _done(client, job)
        for one in ids:
            answer = client.get(f"/v1/jobs/{job}/photos/{one}/protected")
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
            assert SECRET not in answer.content
            said = answer.headers["content-disposition"]
            assert not {"/", "\\"} & set(said)
            assert said.startswith("attachment")
        archive = zipfile.ZipFile(io.BytesIO(client.get(f"/v1/jobs/{job}/archive").content))
        inside = archive.namelist()
        assert len(set(inside)) == len(inside) == len(ids)
        for name in inside:
            assert name not in {"", ".", ".."}
            assert not {"/", "\\", "\0", "\n", "\r"} & set(name)
            assert len(name.encode()) <= 255
        client.delete(f"/v1/jobs/{job}")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows what files a program opens")
def test_no_file_is_written_and_no_file_is_named_by_a_client(tmp_path):
    """Everything that the server and its decoders ask the system for, from the first request to the end."""
    trace = tmp_path / "trace"
    calls = "%file"  # whatever takes a path
    command = (
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-s",
        "4096",
        "-o",
        str(trace),
        "-e",
        f"trace={calls}",
        str(COMMAND),
    )
    with served(tmp_path / "log", command=command) as server, server.client() as client:
        begun = trace.stat().st_size
        header = {"Cloak-Filename": quote(f"/tmp/{MARK}.jpg", safe="")}  # noqa: S108 -- nothing is to be there
        for route in ("protect?strength=subtle", "strip", "inspect"):
            for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
                answer = client.post(f"/v1/{route}", content=photo(kind, size=(1200, 1600)), headers=header)
                assert answer.status_code == 200, answer.text
        job = client.post("/v1/jobs").json()["id"]
        one = client.post(f"/v1/jobs/{job}/photos", content=photo(), headers=header).json()["id"]
        client.post(f"/v1/jobs/{job}/start", json={"strength": "subtle"})
        _done(client, job)
        client.get(f"/v1/jobs/{job}/photos/{one}/picture?which=original")
        client.get(f"/v1/jobs/{job}/photos/{one}/protected")
        client.get(f"/v1/jobs/{job}/archive")
        for path in (f"/page/{MARK}", f"/v1/jobs/{MARK}", f"/v1/jobs/{job}/photos/{MARK}", f"/{MARK}"):
            assert client.get(path).status_code in {404, 405}
        client.delete(f"/v1/jobs/{job}")
    lines = trace.read_text("utf-8", "replace")[begun:].splitlines()
    assert lines
    assert not [line for line in lines if MARK in line]
    written = [
        line
        for line in lines
        if (any(flag in line for flag in WRITES) or "rename" in line or "mkdir" in line or "link" in line.split("(")[0])
        and not any(place in line for place in ('"/dev/', '"/proc/self/', "= -1 ", "memfd", "readlink"))
    ]
    assert not written


def test_the_log_says_what_was_asked_for_and_not_by_whom_or_about_what(server):
    with server.client() as client:
        client.get(f"/v1/settings?{MARK}=1")
        client.post(
            "/v1/inspect", content=photo(), headers={"Cloak-Filename": MARK, "User-Agent": MARK, "Cookie": MARK}
        )
        client.get(f"/v1/jobs/{MARK}")
        client.get(f"/{MARK}")
        client.get("/", headers={"Host": f"{MARK}.example"})
        httpx.get(f"{server.url}/v1/settings", headers={"Authorization": f"Bearer {MARK}"})
        server.raw(f"{MARK} bad\r\n\r\n".encode(), seconds=1)
    said = server.log.read_text("utf-8", "replace")
    assert MARK not in said
    assert SECRET.decode() not in said
    lines = [line for line in said.splitlines() if server.token in line]
    assert len(lines) <= 1
    assert all(f"/#token={server.token}" in line for line in lines)


def test_the_token_is_not_in_the_list_of_processes_and_not_handed_to_decoders(server):
    with server.client() as client:
        assert client.post("/v1/inspect", content=photo()).status_code == 200
    family = server.family()
    assert len(family) > 1
    for one in family:
        assert server.token.encode() not in Path(f"/proc/{one}/cmdline").read_bytes()
    for one in family:
        if one != server.process.pid:
            assert server.token.encode() not in Path(f"/proc/{one}/environ").read_bytes()


def test_over_tls_it_is_who_the_certificate_says(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(tmp_path / "cert.pem"), append=True)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    options = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"), "--host", "0.0.0.0")  # noqa: S104
    with served(tmp_path / "log", *options) as server, server.client(verify=context) as client:
        assert server.scheme == "https"
        assert client.post("/v1/strip", content=photo()).status_code == 200
        own = {"Origin": f"https://127.0.0.1:{server.port}"}
        assert client.get("/v1/settings", headers=own).status_code == 200
        assert client.get("/v1/settings", headers={"Origin": own["Origin"].replace("https", "http")}).status_code == 403
        assert not server.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", seconds=3).startswith(b"HTTP/1.1 200")
        with (
            pytest.raises(httpx.ConnectError),
            httpx.Client(verify=ssl.create_default_context(), trust_env=False) as other,
        ):
            other.get(server.url)


def _done(client, job, seconds=300):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = client.get(f"/v1/jobs/{job}").json()
        if all(one["state"] in {"done", "failed"} for one in state["photos"]):
            return state
        time.sleep(0.2)
    raise TimeoutError(state)

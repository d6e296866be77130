"""The proxies of docs/proxy, as they are: nginx and Caddy, the one that protects, an application, `cloak serve`."""

import os
import shutil
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from cloak.image.scan import scan

from ..upload.servers.programs import free_port  # noqa: TID252 -- tests are no package to import from
from .served import end, served
from .uploads import SECRET, TYPE, Application, field, file_part, form, photo, serving

PROXY = Path(__file__).parents[2] / "docs" / "proxy"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
CADDY = shutil.which("caddy")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("serve") / "log", "--api-only") as server:
        yield server


@pytest.fixture
def site(server, tmp_path):
    """An application and the proxy that protects in front of it: (application, {port in the files: port here})."""
    app, front = Application(), free_port()
    with serving(app) as port:
        environment = {
            **os.environ,
            "CLOAK_SERVE_TOKEN": server.token,
            "CLOAK_SERVE": server.url,
            "BACKEND": f"http://127.0.0.1:{port}",
            "UPLOADS": "/upload",
        }
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "--factory",
            "front:app",
            "--app-dir",
            str(PROXY),
            "--port",
            str(front),
        ]
        with _running(command, tmp_path / "front.log", front, environment):
            yield app, {8400: server.port, 8500: front, 8000: port}


@pytest.fixture
def trusted(tmp_path):
    """Certificates for photos.example, and a context that trusts them."""
    authority = trustme.CA()
    certificate = authority.issue_cert("photos.example")
    certificate.private_key_pem.write_to_path(str(tmp_path / "photos.example.key"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "photos.example.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.skipif(not (NGINX and shutil.which("strace")), reason="needs nginx, and strace to see what it writes")
def test_nginx_hands_uploads_to_what_protects_them_and_writes_none_to_disk(site, server, trusted, tmp_path):
    app, ports = site
    port, trace, config = free_port(), tmp_path / "trace", tmp_path / "nginx.conf"
    text = _moved((PROXY / "nginx.conf").read_text("utf-8"), ports)
    for old, new in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/", f"{tmp_path}/"),
        ("/run/nginx.pid", f"{tmp_path}/pid"),
        ("/var/log/nginx/", f"{tmp_path}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    config.write_text(text, "utf-8")
    subprocess.run([NGINX, "-t", "-q", "-c", config], check=True)
    command = [
        "strace",
        "-f",
        "-qq",
        "-o",
        trace,
        "-e",
        "trace=openat,open,creat",
        NGINX,
        "-c",
        config,
        "-g",
        "daemon off;",
    ]
    with _running(command, tmp_path / "nginx.log", port):
        _use(app, server, port, trusted)
        with _client(port, trusted) as client:
            assert client.post("/other", content=bytes(65 * 2**20)).status_code == 413
        opened = trace.read_text("utf-8", "replace").splitlines()
    after = opened[max(at for at, line in enumerate(opened) if "access.log" in line) :]
    assert not [line for line in after if "O_CREAT" in line and not _named(line)]
    assert "upload" not in (tmp_path / "access.log").read_text("utf-8")


@pytest.mark.skipif(not CADDY, reason="needs Caddy")
def test_caddy_hands_uploads_to_what_protects_them(site, server, trusted, tmp_path):
    app, ports = site
    port, config = free_port(), tmp_path / "Caddyfile"
    text = _moved((PROXY / "Caddyfile").read_text("utf-8"), ports)
    text = text.replace("\tadmin off\n", f"\tadmin off\n\thttp_port {free_port()}\n\thttps_port {port}\n")
    text = text.replace(
        "photos.example {\n", f"photos.example {{\n\ttls {tmp_path}/photos.example.pem {tmp_path}/photos.example.key\n"
    )
    config.write_text(text, "utf-8")
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = [CADDY, "run", "--adapter", "caddyfile", "--config", config]
    with _running(command, tmp_path / "caddy.log", port, environment):
        _use(app, server, port, trusted)


def _use(app, server, port, context):
    """What both proxies have to do."""
    large = b"x" * 300_000
    with _client(port, context) as client:
        body = form(file_part(photo(size=(800, 600))), field("note", large))
        assert client.post("/upload", content=body, headers=TYPE).text == "ok"
        [first, note] = app.parts()
        scan(first[3])
        assert SECRET not in app.bodies[-1]
        assert note[3] == large
        assert app.headers[b"host"].startswith(b"photos.example")
        chunks = (body[at : at + 5000] for at in range(0, len(body), 5000))
        assert client.post("/upload?a=b", content=chunks, headers=TYPE).status_code == 200
        assert SECRET not in app.bodies[-1]
        assert app.scopes[-1]["query_string"] == b"a=b"
        for path in (b"/UPLOAD", b"//upload", b"/upload/", b"/x/../upload"):
            assert client.post(client.base_url.copy_with(raw_path=path), content=body, headers=TYPE).status_code == 200
            assert SECRET not in app.bodies[-1]
        count = len(app.bodies)
        assert client.post("/upload", content=form(file_part(b"no photo")), headers=TYPE).status_code == 422
        assert len(app.bodies) == count
        assert client.get("/elsewhere").text == "ok"
        answer = client.post("/photo-api/v1/strip", content=photo(), headers=server.bearer)
        assert answer.status_code == 200
        scan(answer.content)
        assert client.post("/photo-api/v1/strip", content=photo()).status_code == 401
        for path in ("/photo-api/v1/jobs", "/photo-api/metrics", "/photo-api/", "/photo-api/openapi.json"):
            assert client.get(path, headers=server.bearer).status_code in {404, 405}
        assert client.get("/photo-api/healthz").json() == {"status": "ok"}
        evil = {**server.bearer, "Origin": "https://evil.example"}
        assert client.post("/photo-api/v1/strip", content=photo(), headers=evil).status_code == 403


def _client(port, context):
    headers, extensions = {"Host": f"photos.example:{port}"}, {"sni_hostname": "photos.example"}
    client = httpx.Client(
        base_url=f"https://127.0.0.1:{port}", verify=context, headers=headers, timeout=60, trust_env=False
    )
    client.event_hooks["request"] = [lambda request: request.extensions.update(extensions)]
    return client


def _moved(text, ports):
    for old, new in ports.items():
        assert f"127.0.0.1:{old}" in text
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    return text


@contextmanager
def _running(command, log, port, environment=None):
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    try:
        late = time.monotonic() + 60
        while not _listens(port):
            assert process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < late, log.read_text("utf-8", "replace")
            time.sleep(0.05)
        yield
    finally:
        end(process)


def _named(line):
    return {name for name in ("access.log", "/pid") if name in line}


def _listens(port):
    try:
        httpx.get(f"http://127.0.0.1:{port}/", timeout=2, trust_env=False)
    except httpx.ConnectError:
        return False
    except httpx.HTTPError:
        return True
    return True

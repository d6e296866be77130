"""`cloak serve` and those who have no business there: other sites, other users of the machine, other machines."""

import os
import re
import subprocess

import httpx
import pytest

from .served import COMMAND, served
from .uploads import photo

OPEN = {"/", "/healthz", "/openapi.json"}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
POLICY = ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
FOREIGN_ORIGINS = ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example", "file://"]
FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1:1",
    "127.0.0.1.evil.example:{port}",
    "[::2]:{port}",
    "",
    "a b",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("serve") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def routes(server):
    """Each operation of the document: (method, path with parameters filled in)."""
    document = httpx.get(f"{server.url}/openapi.json").json()
    return [
        (method.upper(), re.sub(r"\{[^}]*\}", "0" * 32, path))
        for path, operations in document["paths"].items()
        for method in operations
        if method in {"get", "put", "post", "delete", "patch"}
    ]


def test_the_document_names_what_the_tests_below_go_through(routes):
    assert {("POST", "/v1/protect"), ("POST", "/v1/strip"), ("POST", "/v1/inspect"), ("POST", "/v1/jobs")} <= set(
        routes
    )


@pytest.mark.parametrize("shown", ["none", "wrong", "a start of it", "longer", "basic", "query", "cookie", "not ascii"])
def test_nothing_but_the_page_is_there_for_those_without_the_token(server, routes, shown):
    headers, query = {
        "none": ({}, ""),
        "wrong": ({"Authorization": "Bearer " + "A" * len(server.token)}, ""),
        "a start of it": ({"Authorization": f"Bearer {server.token[:-1]}"}, ""),
        "longer": ({"Authorization": f"Bearer {server.token}A"}, ""),
        "basic": ({"Authorization": f"Basic {server.token}"}, ""),
        "query": ({}, f"?token={server.token}"),
        "cookie": ({"Cookie": f"token={server.token}"}, ""),
        "not ascii": ({"Authorization": "Bearer ä".encode()}, ""),
    }[shown]
    for method, path in [*routes, ("GET", "/metrics"), ("GET", "/v1/nothing"), ("TRACE", "/v1/jobs")]:
        answer = httpx.request(method, f"{server.url}{path}{query}", headers=headers)
        if path in OPEN or path.startswith("/page/"):
            continue
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorised"), (method, path)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_under_another_name_it_answers_nothing(server, routes, host):
    host = host.format(port=server.port)
    for method, path in [*routes, ("GET", "/"), ("GET", "/nothing"), ("OPTIONS", "/v1/jobs")]:
        request = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.token}\r\n"
        answer = server.raw(request.encode() + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 ")), (method, path, answer[:200])


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /v1/settings HTTP/1.0\r\n",
        "GET /v1/settings HTTP/1.1\r\n",
        "GET /v1/settings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n",
        "GET /v1/settings HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1:{port}\r\n",
        "GET http://evil.example/v1/settings HTTP/1.1\r\nHost: evil.example\r\n",
        "GET /v1/settings HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: 127.0.0.1:{port}\r\n",
        "GET /v1/settings HTTP/1.1\r\nHost: evil.example\r\nForwarded: host=127.0.0.1:{port}\r\n",
    ],
)
def test_a_request_that_leaves_open_which_host_it_means_is_refused(server, request_line):
    request = (
        request_line.format(port=server.port) + f"Authorization: Bearer {server.token}\r\nConnection: close\r\n\r\n"
    )
    assert server.raw(request.encode()).startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("headers", [*({"Origin": one} for one in FOREIGN_ORIGINS), {"Sec-Fetch-Site": "cross-site"}])
def test_other_sites_cannot_use_it_even_with_the_token(server, routes, headers):
    with server.client(headers=headers) as client:
        for method, path in [*routes, ("GET", "/healthz")]:
            answer = client.request(method, path)
            assert (answer.status_code, answer.json()["error"]) == (403, "foreign_origin"), (method, path)


def test_its_own_page_can_use_it(server):
    for name in ("127.0.0.1", "localhost"):
        origin = {
            "Origin": f"http://{name}:{server.port}",
            "Host": f"{name}:{server.port}",
            "Sec-Fetch-Site": "same-origin",
        }
        assert httpx.get(f"{server.url}/v1/settings", headers={**server.bearer, **origin}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
def test_no_other_site_is_told_that_it_may_ask(server, origin):
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for path in ("/v1/protect", "/", "/v1/jobs", "/healthz"):
        answer = httpx.options(f"{server.url}{path}", headers=asked)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_has_the_headers_that_keep_a_browser_from_mischief(server, routes):
    wrong = []
    with server.client() as client:
        answers = [client.request(method, path) for method, path in routes]
        answers += [client.get(path) for path in ("/", "/page/page.css", "/page/nothing", "/nothing", "/v1/jobs/%00")]
        answers += [client.request("DELETE", "/"), client.get("/", headers={"Host": "evil.example"})]
        answers += [client.get("/", headers={"Origin": "null"}), httpx.get(f"{server.url}/v1/settings")]
        answers += [
            client.post("/v1/inspect", content=b"no photo"),
            client.post("/v1/protect?strength=9", content=photo()),
        ]
        answers += [client.post("/v1/strip", content=photo()), client.post("/v1/jobs/a/start", content=b"{")]
    for answer in answers:
        policy = answer.headers.get("content-security-policy", "")
        kept = "no-cache" if answer.url.path == "/" or answer.url.path.startswith("/page/") else "no-store"
        if (
            any(answer.headers.get(name) != value for name, value in HEADERS.items())
            or not all(one in policy for one in POLICY)
            or "unsafe" in policy
            or (answer.status_code < 400 and kept not in answer.headers.get("cache-control", ""))
            or {"server", "x-powered-by"} & set(answer.headers)
        ):
            wrong.append((answer.request.method, answer.url.path, answer.status_code, dict(answer.headers)))
    assert not wrong
    assert {answer.status_code for answer in answers} >= {200, 401, 403, 404, 421, 422}


def test_an_error_says_what_it_is_and_nothing_about_the_inside(server, routes):
    with server.client() as client:
        for method, path in routes:
            answer = client.request(method, path, content=b"\xff\0{")
            assert answer.status_code < 500, (method, path, answer.text)
            if answer.status_code >= 400:
                assert set(answer.json()) == {"error", "message"}, (method, path, answer.text)
                assert "Traceback" not in answer.text
                assert "/cloak/" not in answer.text


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (["--host", "0.0.0.0"], {}),  # noqa: S104 -- it is to be refused
        (["--host", "::"], {}),
        (["--host", "0.0.0.0"], {"CLOAK_SERVE_TOKEN": "short"}),  # noqa: S104
        (["--host", "192.0.2.1"], {}),
        (["--tls-cert", "/nowhere/cert.pem"], {}),
        (["--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"], {}),
    ],
)
def test_it_is_not_shown_to_other_machines_without_a_token_of_length_or_tls(options, environment):
    done = subprocess.run(
        [COMMAND, "serve", "--no-browser", *options],
        env={**_clean(), **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {1, 2}
    assert b"Traceback" not in done.stderr
    assert not done.stdout


def test_with_a_long_token_it_may_be_shown_and_says_that_the_wire_is_plain(tmp_path):
    with served(tmp_path / "log", "--host", "0.0.0.0") as server:  # noqa: S104 -- what is tested
        assert httpx.get(f"{server.url}/v1/settings", headers=server.bearer).status_code == 200
        assert httpx.get(f"{server.url}/v1/settings").status_code == 401
        assert b"TLS" in server.log.read_bytes()
        evil = {**server.bearer, "Host": f"evil.example:{server.port}"}
        assert httpx.get(f"{server.url}/v1/settings", headers=evil).status_code == 421


def _clean():
    return {name: value for name, value in os.environ.items() if name != "CLOAK_SERVE_TOKEN"}

"""The middleware between others: senders that go away or never end, and what applications read forms with."""

import asyncio
import hashlib
import json
import os
import socket
import struct
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from cloak.image.scan import scan
from cloak.web.middleware import ProtectUploads

from .uploads import TYPE, Application, Reencoder, field, file_part, form, photo, request_of, serving, visiting

NOTE = bytes(range(256)) * 3 + b"\r\n--Xy\r\n--XyQ\r\n--\r"


@pytest.mark.parametrize("when", ["in the body", "while a photo is protected"])
def test_when_the_sender_goes_away_the_application_is_not_called_and_work_ends(when):
    app, ended = Application(), []

    class Slow(Reencoder):
        async def protect(self, data):
            try:
                self.seen.append(data)
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append(data)
                raise

    engine = Slow()
    with serving(ProtectUploads(app, engine=engine, at_once=1)) as port:
        body = form(file_part(photo()))
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(request_of("/upload", body)[: -50 if when == "in the body" else None])
            _wait(lambda: engine.seen or when == "in the body")
            assert (
                when == "in the body"
                or httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=TYPE).status_code == 429
            )
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if when != "in the body":
            _wait(lambda: ended)
        assert _wait(
            lambda: httpx.post(f"http://127.0.0.1:{port}/", content=form(field("a", b"b")), headers=TYPE).is_success
        )
    assert len(app.bodies) == 1


def test_a_body_that_does_not_come_is_not_waited_for():
    app = Application()
    protect = ProtectUploads(app, engine=Reencoder(), seconds=0.2)
    with serving(protect) as port, socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(request_of("/", form(file_part(photo())))[:-50])
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "timeout"
    assert not app.bodies


def test_a_starlette_application_reads_the_form_as_ever():
    async def upload(request):
        async with request.form() as read:
            content = await read["photo"].read()
            scan(content)
            return JSONResponse([read["photo"].filename, read["photo"].content_type, read["caption"]])

    app = Starlette(routes=[Route("/upload", upload, methods=["POST"])])
    app.add_middleware(ProtectUploads, engine=Reencoder(), paths=("/upload",))
    with serving(app) as port:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/upload",
            files={"photo": ('Ä "b".jpg', photo(), "image/jpeg")},
            data={"caption": "Grüße\r\n--"},
        )
    assert answer.json() == ["Ä %22b%22.jpg", "image/jpeg", "Grüße\r\n--"]


def test_flask_reads_the_form_as_ever():
    servers = os.environ.get("CLOAK_TEST_SERVERS")
    if not servers:
        pytest.skip("needs servers: run `.ci/servers FOLDER` and set CLOAK_TEST_SERVERS=FOLDER")
    app = Application()
    with visiting(ProtectUploads(app, engine=Reencoder())) as client:
        client.post("/", content=form(file_part(photo(), file="Ä.jpg"), field("a", NOTE)), headers=TYPE)
    code = """
import hashlib, json, sys
from flask import Flask, request
with Flask("a").test_request_context("/", method="POST", content_type=sys.argv[1], data=sys.stdin.buffer.read()):
    one = request.files["photo"]
    print(json.dumps([one.filename, one.content_type, hashlib.sha256(one.read()).hexdigest(), len(request.form["a"])]))
"""
    command = [Path(servers) / "python" / "bin" / "python", "-c", code, app.kind]
    read = json.loads(subprocess.run(command, input=app.bodies[0], capture_output=True, check=True).stdout)

    assert read[:3] == ["Ä.jpg", "image/jpeg", hashlib.sha256(app.parts()[0][3]).hexdigest()]
    assert read[3] == len(NOTE.decode("utf-8", "replace"))


def _wait(done, seconds=20):
    end = time.monotonic() + seconds
    while not (answer := done()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer

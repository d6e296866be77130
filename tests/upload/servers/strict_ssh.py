"""An SSH server that is asked once for leave to sign in, as asyncssh is, and hangs up when it is asked again."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.auth_handler import AuthHandler

PASSWORD = "s3cret-of-strict"  # noqa: S105 -- of nobody


@dataclass(frozen=True)
class Strict:
    """A running server.

    Attributes:
        port: where it listens.
        known_hosts: file with its key.
        tried: the ways in which somebody tried to sign in.
    """

    port: int
    known_hosts: Path
    tried: list[str]


class _Door(paramiko.ServerInterface):
    """Takes no key, and `PASSWORD` in one way."""

    def __init__(self, way: str, tried: list[str]) -> None:
        self._way, self._tried = way, tried

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 -- paramiko's
        return f"publickey,{self._way}"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002 -- paramiko's
        self._tried.append("publickey")
        return paramiko.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:  # noqa: ARG002 -- paramiko's
        return self._judge("password", password)

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery | int:  # noqa: ARG002
        if self._way != "keyboard-interactive":
            return paramiko.AUTH_FAILED
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return self._judge("keyboard-interactive", *responses)

    def _judge(self, way: str, password: str) -> int:
        self._tried.append(way)
        right = way == self._way and password == PASSWORD
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED


class _Once(AuthHandler):
    """Gives leave once."""

    _asked = False

    def _parse_service_request(self, m: paramiko.Message) -> None:
        if self._asked:
            self.transport.close()
        else:
            self._asked = True
            super()._parse_service_request(m)


@contextmanager
def running(folder: Path, *, way: str = "password") -> Iterator[Strict]:
    """Let people sign in.

    Args:
        folder: for the file with its key.
        way: in which it takes `PASSWORD`: password, or keyboard-interactive.
    """
    key, tried = paramiko.ECDSAKey.generate(), []
    transports = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                transport = paramiko.Transport(listener.accept()[0])
                transports.append(transport)
                transport.add_server_key(key)
                transport.auth_handler = _Once(transport)
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Door(way, tried))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (folder / "strict_hosts").write_text(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")
        threading.Thread(target=serve, args=[listener], daemon=True).start()
        yield Strict(port, folder / "strict_hosts", tried)
        for transport in transports:
            transport.close()

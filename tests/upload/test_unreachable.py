"""A server that cannot be connected to: an error of its own, whatever is spoken, which says that nothing was sent."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from cloak.errors import TransientError, UnreachableError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Destination, Wish
from cloak.upload.destinations import load

from .items import item
from .servers.loopback import Loopback
from .servers.programs import free_port

SETTINGS = {
    "webdav": {"url": "{}/x", "user": "me"},
    "nextcloud": {"url": "{}", "user": "me", "folder": "cloak"},
    "s3": {"bucket": "photos", "endpoint": "{}"},
    "mastodon": {"server": "{}"},
    "immich": {"server": "{}"},
}
"""What is set up of each that speaks HTTP, with a place for the address."""

SECRETS = ("password", "access-key-id", "secret-access-key", "access-token", "api-key")


@contextmanager
def refused() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def no_such_name() -> Iterator[str]:
    yield "https://nowhere.invalid"


@contextmanager
def no_tls() -> Iterator[str]:
    with Loopback().running() as address:
        yield address.replace("http:", "https:")


@contextmanager
def silent() -> Iterator[str]:
    """A computer that answers no request for a connection: the queue for them is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def opened(kind: str, address: str) -> Destination:
    settings = {name: value.format(address) for name, value in SETTINGS[kind].items()}
    return load(kind).open(settings, Credentials("d", {f"d.{name}": "secret" for name in SECRETS}.get))


def unreachable(destination: Destination) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: destination.check(Wish()),
        lambda: destination.put(item(), Wish()),
    )
    for call in calls:
        with pytest.raises(UnreachableError) as error:
            call()
        assert "may still be there" not in str(error.value)


@pytest.mark.parametrize("server", [refused, no_such_name, no_tls], ids=lambda one: one.__name__)
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_server_that_cannot_be_connected_to_is_said_to_be_out_of_reach(kind, server):
    with server() as address, closing(opened(kind, address)) as destination:
        unreachable(destination)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["webdav", "s3", "immich"])
def test_a_server_that_does_not_answer_is_out_of_reach_after_ten_seconds(kind):
    with silent() as address, closing(opened(kind, address)) as destination, pytest.raises(UnreachableError):
        destination.put(item(), Wish())


def test_why_is_said_in_the_system_s_words_without_its_numbers():
    why = r"the server cannot be reached \(Connection refused\)"
    with (
        refused() as address,
        closing(opened("webdav", address)) as destination,
        pytest.raises(UnreachableError, match=why),
    ):
        destination.put(item(), Wish())


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_ssh_that_is_not_there_or_something_else_is_out_of_reach(said, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = {
            "host": "127.0.0.1",
            "port": str(port),
            "user": "me",
            "path": "x",
            "known-hosts": str(tmp_path / "hosts"),
        }
        if not said:
            listener.close()
        else:
            threading.Thread(target=_answer, args=[listener, said], daemon=True).start()
        with closing(load("sftp").open(settings, Credentials("d", {"d.password": "secret"}.get))) as destination:
            unreachable(destination)


def _answer(listener: socket.socket, said: bytes) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            client.sendall(said)


def test_a_connection_that_breaks_is_no_server_out_of_reach():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer, args=[listener, b""], daemon=True).start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for kind in SETTINGS:
            with closing(opened(kind, address)) as destination, pytest.raises(TransientError) as error:
                destination.check(Wish())
            assert not isinstance(error.value, UnreachableError), kind

"""Run the server: its socket, its log, and its end in order."""

import logging
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from cloak.errors import UsageError
from cloak.names import shown
from cloak.web.app import create_app
from cloak.web.connections import Connection
from cloak.web.engine import Engine
from cloak.web.settings import Settings

GRACE = 10
"""Seconds that answers under way have once the server is told to end."""

_HEAD = 32 * 2**10
"""Bytes of a request's head at most."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """For TLS: a chain and its key, which are read once to see whether they can be used.

    Raises:
        UsageError: they cannot.
    """

    chain: Path
    key: Path

    def __post_init__(self) -> None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.chain, self.key, password="")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no certificate with its key"
            raise UsageError(f"{shown(self.chain)} and {shown(self.key)} cannot be used: {reason}") from error


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound, so that the port is known before anything is loaded.

    Raises:
        UsageError: it cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if sys.platform != "win32":  # there, it would let another program share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise UsageError(f"cannot listen at {host}, port {port}: {error.strerror}: choose another") from error
    return listener


def run(
    settings: Settings,
    listener: socket.socket,
    certificate: Certificate | None,
    *,
    opened: Callable[[str], object],
    verbose: bool = False,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        settings: of the server.
        listener: what to listen at.
        certificate: for TLS.
        opened: called with the page's address, token included, once it can be opened.
        verbose: whether there is a line for each request in the log.

    Raises:
        CloakError: networks cannot be had.
    """
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("cloak.web").setLevel(logging.INFO if verbose else logging.WARNING)
    engine = Engine(settings)
    config = uvicorn.Config(
        create_app(settings, engine),
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_HEAD,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    server = _Server(config, engine, lambda: opened(f"{address(settings)}/#token={settings.token}"))
    with suppress(KeyboardInterrupt):  # which uvicorn raises again when all has ended
        server.run(sockets=[listener])
    if engine.failure:
        raise engine.failure


def address(settings: Settings) -> str:
    """Return where the server is, without the token."""
    return f"{settings.scheme}://{settings.shown_host}:{settings.port}"


class _Server(uvicorn.Server):
    """Says when it can be asked, and ends when the networks cannot be had."""

    def __init__(self, config: uvicorn.Config, engine: Engine, opened: Callable[[], object]) -> None:
        super().__init__(config)
        self._engine, self._opened = engine, opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._opened()

    async def on_tick(self, counter: int) -> bool:
        """Say whether to end; uvicorn asks ten times a second."""
        if self.should_exit or self._engine.failure:
            self._engine.refuse_new()
            return True
        return await super().on_tick(counter)

"""Caddy before another server: as many people have it, and stricter than those behind it about what an address is."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .programs import free_port, started


@contextmanager
def before(server: str, folder: Path) -> Iterator[str]:
    """Pass requests on to a server; yield the address for them.

    Args:
        server: its address.
        folder: for the configuration and the log.
    """
    command = shutil.which("caddy")
    if command is None:
        pytest.skip("needs Caddy: run `.ci/servers FOLDER`")
    port, config = free_port(), folder / "Caddyfile"
    config.write_text(
        "{\n\tadmin off\n\tauto_https off\n}\n"
        f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\treverse_proxy {urlsplit(server).netloc}\n}}\n"
    )
    environment = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    arguments = ["run", "--adapter", "caddyfile", "--config", str(config)]
    with started([command, *arguments], port, folder / "caddy.log", **environment) as address:
        yield address

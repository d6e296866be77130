"""WsgiDAV: a plain WebDAV server, which asks for user and password, or lets everybody read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .programs import free_port, program, started

USER, PASSWORD = "me", "s3cret-of-wsgidav"


@contextmanager
def running(
    folder: Path,
    *,
    everybody: bool = False,
    certificate: tuple[Path, Path] | None = None,
    blocks: int = 0,
    digest: bool = False,
) -> Iterator[str]:
    """Serve `folder`/files.

    Args:
        folder: for its files, configuration and log.
        everybody: whether it asks for no password.
        certificate: chain and key; with them it speaks TLS only.
        blocks: of 512 bytes that a file may have, as if its disk were full after them; 0 for no limit.
        digest: whether it lets people in by Digest, and by nothing else; else by Basic.
    """
    files, port = folder / "files", free_port()
    files.mkdir(exist_ok=True)
    users: Any = True if everybody else {USER: {"password": PASSWORD}}
    config: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "provider_mapping": {"/": str(files)},
        "simple_dc": {"user_mapping": {"*": users}},
        "http_authenticator": {"accept_basic": not digest, "accept_digest": digest, "default_to_digest": digest},
        "lock_storage": False,
        "property_manager": False,
        "dir_browser": {"enable": False},
        "verbose": 1,
    }
    if certificate:
        config |= {"ssl_certificate": str(certificate[0]), "ssl_private_key": str(certificate[1])}
    path = folder / "wsgidav.json"
    path.write_text(json.dumps(config))
    command = [program("python/bin/wsgidav"), "--config", str(path)]
    if blocks:
        command = ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *command]
    with started(command, port, folder / "wsgidav.log") as address:
        yield address.replace("http:", "https:") if certificate else address

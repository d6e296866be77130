"""nginx with its own module for WebDAV, as it comes: it puts, deletes and makes folders, and knows no PROPFIND."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .programs import free_port, started

USER = "me"
PASSWORD = "s3cret-of-nginx"  # noqa: S105 -- of nobody


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Serve the folder `files` in a folder; yield the address."""
    command = shutil.which("nginx")
    if command is None:
        pytest.skip("needs nginx: run `.ci/servers FOLDER`")
    port, config = free_port(), folder / "nginx.conf"
    (folder / "files").mkdir()
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; user root;\nevents {{}}\n"
        f"http {{ {places} access_log off; server {{ listen 127.0.0.1:{port}; root {folder}/files;\n"
        f"auth_basic x; auth_basic_user_file {folder}/users; dav_methods PUT DELETE MKCOL COPY MOVE;\n"
        "dav_access user:rw; client_max_body_size 0; } }\n"
    )
    with started([command, "-e", "stderr", "-c", str(config)], port, folder / "nginx.log") as address:
        yield address

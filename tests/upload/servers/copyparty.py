"""copyparty: a WebDAV server whose folders can have a lifetime, after which it deletes what is in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .programs import free_port, program, started

USER, PASSWORD = "me", "s3cret-of-copyparty"


@contextmanager
def running(folder: Path, *, lifetime: int = 0, everybody: bool = False) -> Iterator[str]:
    """Serve `folder`/files.

    Args:
        folder: for its files, configuration and log.
        lifetime: seconds that files are kept; 0 for ever.
        everybody: whether others may read.
    """
    files, port = folder / "files", free_port()
    files.mkdir(exist_ok=True)
    volume = f"{files}::rwmd,{USER}" + (":r" if everybody else "") + ":c,daw:c,e2d"
    command = [program("python/bin/copyparty"), "-q", "-i", "127.0.0.1", "-p", str(port), "--usernames"]
    command += ["-a", f"{USER}:{PASSWORD}", "-v", volume + (f":c,lifetime={lifetime}" if lifetime else "")]
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    with started(command, port, folder / "copyparty.log", **home) as address:
        yield address

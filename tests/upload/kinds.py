"""One open destination of each kind, with a server of its own: what tests of all of them need."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from cloak.upload.credentials import Credentials
from cloak.upload.destination import Destination
from cloak.upload.destinations.sftp import Sftp

from . import sites
from .servers import sshd
from .sites import Site


def _open(
    site: Callable[[Path], AbstractContextManager[Site]],
) -> Callable[[Path], AbstractContextManager[Destination]]:
    @contextmanager
    def destination(folder: Path) -> Iterator[Destination]:
        with site(folder) as made:
            yield sites.opened(made)

    destination.__name__ = site.__name__
    return destination


@contextmanager
def sftp(folder: Path) -> Iterator[Destination]:
    """With a key; that of `sites` has a password."""
    with sshd.running(folder) as server:
        yield Sftp.open(server.settings(), held())


def held(**secrets: str) -> Credentials:
    return Credentials("d", {f"d.{name}": value for name, value in secrets.items()}.get)


webdav, nextcloud, s3 = map(_open, (sites.webdav, sites.nextcloud, sites.s3_with_links))
mastodon, pixelfed, immich = map(_open, (sites.mastodon, sites.pixelfed, sites.immich))

REMOTE = (webdav, nextcloud, sftp, s3, mastodon, pixelfed, immich)
"""All that are over a network."""

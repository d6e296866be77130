"""WebDAV by nginx with its own module, which does not tell what is in a folder."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloak.errors import TransferError, UploadError
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.webdav import WebDav

from .items import item
from .kinds import held
from .servers import nginx


@pytest.fixture
def destination(tmp_path: Path) -> Iterator[WebDav]:
    with nginx.running(tmp_path) as address:
        settings = {"url": f"{address}/photos", "user": nginx.USER}
        with closing(WebDav.open(settings, held(password=nginx.PASSWORD))) as destination:
            yield destination


def test_a_photo_lives_on_nginx(destination, tmp_path):
    wish = Wish(expires=datetime.now(UTC) + timedelta(days=1))
    destination.check(wish)
    one = item()
    placed = destination.put(one, wish)
    assert placed.audience is Audience.OWNER
    assert (tmp_path / "files" / "photos" / one.name).read_bytes() == one.file.data
    assert destination.find(one.name) == placed.handle
    destination.delete(placed.handle)
    assert list((tmp_path / "files" / "photos").iterdir()) == []
    assert destination.look(placed.handle) is destination.find(one.name) is None


def test_albums_that_nobody_could_look_into_are_refused(destination, tmp_path):
    for call in (lambda: destination.check(Wish(album="a")), lambda: destination.put(item(), Wish(album="a"))):
        with pytest.raises(UploadError, match="leave out --album"):
            call()
    assert list((tmp_path / "files" / "photos").iterdir()) == []


def test_a_folder_of_nginx_that_is_gone_has_not_deleted_anything(destination, tmp_path):
    destination.check(Wish())
    placed = destination.put(item(), Wish())
    (tmp_path / "files" / "photos").rename(tmp_path / "files" / "elsewhere")
    for call in (destination.look, destination.delete):
        with pytest.raises(TransferError, match="there is no folder"):
            call(placed.handle)

"""Folders, albums and prefixes with `%` in their names, behind a server that refuses a `%` that escapes nothing."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.http import escaped, link
from cloak.upload.destinations.webdav import WebDav

from . import sites
from .items import item
from .kinds import held
from .servers import caddy, wsgidav

NAMES = {"100%": "100%", "50%off": "50%off", "100% ü": "100% ü", "100%25": "100%", "a%20b": "a b", "50%2520x": "50%20x"}
"""What is written in an address, and the name of the folder that is meant: what is an escape is taken for one."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wsgidav")


@pytest.fixture(scope="module")
def strict(folder: Path) -> Iterator[str]:
    with wsgidav.running(folder) as server, caddy.before(server, folder) as address:
        yield address


def test_the_server_refuses_what_escapes_nothing(strict):
    assert httpx.get(f"{strict}/100%/x").status_code == 400
    assert httpx.get(f"{strict}/100%25/x").status_code == 401


@pytest.mark.parametrize("album", ["", "100%", "a%20b"])
@pytest.mark.parametrize("written", NAMES)
def test_a_folder_of_webdav_has_the_name_that_is_meant(strict, folder, written, album):
    settings = {"url": f"{strict}/{written}", "user": wsgidav.USER}
    wish, one = Wish(album=album), item()
    with closing(WebDav.open(settings, held(password=wsgidav.PASSWORD))) as destination:
        destination.check(wish)
        placed = destination.put(one, wish)
        (path,) = (folder / "files").rglob(one.name)
        assert path.relative_to(folder / "files") == Path(NAMES[written], album, one.name)
        assert destination.find(one.name) == placed.handle
        assert destination.look(placed.handle) is not None
        found = httpx.get(placed.link, auth=(wsgidav.USER, wsgidav.PASSWORD))
        assert (found.status_code, found.content) == (200, one.file.data)
        destination.delete(placed.handle)
        assert not path.exists()


@pytest.mark.parametrize(("name", "album"), [("100%", ""), ("a%20b", "100%"), ("50%off ü", "a%20b")])
def test_a_folder_of_nextcloud_is_a_name_and_no_address(tmp_path, name, album):
    with sites.nextcloud(tmp_path) as site:
        named = replace(site, settings={**site.settings, "folder": name})
        with closing(sites.opened(named)) as destination:
            wish, one = Wish(audience=Audience.LINK, album=album), item()
            destination.check(wish)
            placed = destination.put(one, wish)
            (path,) = (tmp_path / "files").rglob(one.name)
            assert path.parent.as_posix().endswith(f"/{name}/{album}".rstrip("/"))
            assert destination.find(one.name) == placed.handle
            destination.delete(placed.handle)
            assert not path.exists()


@pytest.mark.parametrize(("prefix", "album"), [("100%", "a%20b"), ("a%20b", "100%"), ("50%off ü", ""), ("", "100%25")])
def test_a_key_of_s3_is_as_it_was_written(tmp_path, prefix, album):
    with sites.s3_with_links(tmp_path) as site, caddy.before(site.settings["endpoint"], tmp_path) as address:
        named = replace(site, settings={**site.settings, "endpoint": address, "prefix": prefix})
        with closing(sites.opened(named)) as destination:
            wish, one = Wish(audience=Audience.LINK, album=album), item()
            destination.check(wish)
            placed = destination.put(one, wish)
            key = "/".join(part for part in (prefix, album, one.name) if part)
            assert placed.handle.startswith(f"s3://photos/{key}?")
            assert httpx.get(placed.link).content == one.file.data
            assert destination.find(one.name) == f"s3://photos/{key}"
            destination.delete(placed.handle)
            assert destination.find(one.name) is None


@pytest.mark.parametrize("address", ["https://h/100%/a", "https://h/%", "https://h/50%off", "https://h/a?b=5%"])
def test_an_address_is_escaped_once(address):
    assert escaped(address) == escaped(escaped(address)) == address.replace("%", "%25")
    assert link(link(address)) == link(address)


def test_an_escape_stays_as_it_is():
    assert escaped("https://h/a%20b/%C3%A4/%2f") == "https://h/a%20b/%C3%A4/%2f"

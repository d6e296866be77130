"""Every destination tells how many bytes of a photo have left, while they leave."""

import io
import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from cloak.upload.backoff import Backoff
from cloak.upload.destination import Audience, Item, Wish, clear
from cloak.upload.destinations.webdav import WebDav
from cloak.upload.ledger import Ledger
from cloak.upload.send import Parcel, deliver

from .kinds import REMOTE, held
from .servers import wsgidav
from .servers.gate import Gate
from .servers.loopback import Cut


def large() -> Item:
    """A photo of which the network takes more than one packet."""
    file = io.BytesIO()
    Image.effect_noise((500, 400), 100).convert("RGB").save(file, "PNG")
    return Item(name=f"{secrets.token_hex(16)}.png", file=clear(file.getvalue()))


@pytest.mark.parametrize("kind", REMOTE)
def test_bytes_are_told_while_they_leave_up_to_the_last_and_each_once(kind: Callable[..., object], tmp_path: Path):
    told: list[int] = []
    one = replace(large(), told=told.append)
    with kind(tmp_path) as destination, closing(destination):
        destination.put(one, Wish(audience=next(iter(destination.AUDIENCES))))
    size = len(one.file.data)
    assert told, "nothing was told"
    assert told == sorted(told), "what was sent once was told twice"
    assert size <= told[-1] <= size + 2000, "a form around it is small"
    assert max(now - before for before, now in pairwise([0, *told])) <= 1 << 16


def test_a_try_that_is_cut_off_begins_anew_and_more_than_the_file_is_never_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    path = tmp_path / "a.png"
    path.write_bytes(large().file.data)
    told: list[tuple[int, int]] = []
    with wsgidav.running(tmp_path) as server, Ledger.open() as ledger, (gate := Gate(server)).running() as address:
        destination = WebDav.open({"url": f"{address}/x", "user": wsgidav.USER}, held(password=wsgidav.PASSWORD))
        destination.check(Wish())
        gate.fail("PUT", "/x", Cut.AFTER_BODY)
        backoff, parcels = Backoff(first=0.01, most=0.01), [Parcel(source=path, path=path)]
        results = deliver(
            parcels, destination, ledger, place="d", wish=Wish(), backoff=backoff, told=lambda _, *n: told.append(n)
        )
        (sent,) = results
        destination.close()
    assert sent.placed
    assert sent.placed.audience is Audience.OWNER
    size = path.stat().st_size
    assert [total for _, total in told] == [size] * len(told)
    done = [now for now, _ in told]
    assert max(done) == done[-1] == size
    assert sum(now < before for before, now in pairwise(done)) == 1

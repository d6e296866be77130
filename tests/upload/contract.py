"""What every destination keeps to: subclass `Contract`, and give it a destination."""

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cloak.errors import CloakError, TransientError
from cloak.upload.backoff import Backoff
from cloak.upload.destination import Audience, Destination, Item, Placed, Wish
from cloak.upload.ledger import Ledger, State
from cloak.upload.send import Parcel, deliver

from .items import item

ALBUMS = {
    "unicode": "Sömmer ☀ 2026 夏休み",
    "300 characters": "a" * 300,
    "300 umlauts": "ü" * 300,
    "path": "../../etc/passwd",
    "dots": "..",
}


class Contract:
    """Tests that a destination has to pass; fixtures say what it is.

    `destination` is an open, empty one. `secrets` are those that it was given; `broken` is the same kind with the same
    secrets, for which everything goes wrong.
    """

    wish = Wish()
    albums = True

    @pytest.fixture
    def destination(self) -> Destination:
        raise NotImplementedError

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        return ()

    @pytest.fixture
    def broken(self) -> Destination:
        pytest.skip("nothing that breaks was given")

    def interrupt(self, destination: Destination, one: Item, wish: Wish) -> None:
        """Leave what an interrupted upload leaves; by default, the whole of it, whose answer got lost."""
        destination.put(one, wish)

    def test_a_file_can_be_put_looked_at_found_and_deleted(self, destination):
        destination.check(self.wish)
        one = item()
        assert destination.find(one.name) is None
        placed = destination.put(one, self.wish)
        seen = destination.look(placed.handle)
        assert seen is not None
        assert seen.audience is placed.audience
        assert destination.find(one.name) == placed.handle
        destination.delete(placed.handle)
        assert destination.look(placed.handle) is None
        assert destination.find(one.name) is None

    def test_deleting_twice_is_well(self, destination):
        placed = destination.put(item(), self.wish)
        destination.delete(placed.handle)
        destination.delete(placed.handle)
        assert destination.look(placed.handle) is None

    def test_deleting_one_leaves_the_others(self, destination):
        first, second = (destination.put(item(seed=seed), self.wish) for seed in (1, 2))
        destination.delete(first.handle)
        assert destination.look(second.handle) is not None

    def test_the_same_content_twice_is_two_uploads(self, destination):
        first, second = (destination.put(item(seed=1), self.wish) for _ in range(2))
        assert first.handle != second.handle
        destination.delete(first.handle)
        assert destination.look(second.handle) is not None

    def test_what_an_interrupted_upload_left_is_found_and_deleted(self, destination):
        one = item()
        self.interrupt(destination, one, self.wish)
        handle = destination.find(one.name)
        if handle is not None:
            destination.delete(handle)
        assert destination.find(one.name) is None

    def test_an_upload_after_an_interrupted_one_is_there_once(self, destination):
        one = item()
        self.interrupt(destination, one, self.wish)
        placed = destination.put(one, self.wish)
        assert destination.look(placed.handle) is not None
        destination.delete(placed.handle)
        assert destination.find(one.name) is None

    @pytest.mark.parametrize("album", ALBUMS)
    def test_albums_may_have_any_name(self, destination, album):
        if not self.albums:
            pytest.skip("has no albums")
        wish = replace(self.wish, album=ALBUMS[album])
        one = item()
        destination.check(wish)
        placed = destination.put(one, wish)
        assert destination.find(one.name) == placed.handle
        destination.delete(placed.handle)
        assert destination.look(placed.handle) is None

    def test_the_audience_is_never_wider_than_wished(self, destination):
        for audience in Audience:
            if audience in destination.AUDIENCES:
                placed = destination.put(item(), replace(self.wish, audience=audience))
                assert not placed.audience.wider_than(audience)
                seen = destination.look(placed.handle)
                assert seen is not None
                assert not seen.audience.wider_than(audience)

    def test_no_error_holds_a_secret(self, broken, secrets):
        assert not [secret for secret in secrets if secret in repr(broken) + str(broken)]
        calls: Sequence[Callable[[], object]] = (
            lambda: broken.check(self.wish),
            lambda: broken.put(item(), self.wish),
            lambda: broken.look("a.jpg"),
            lambda: broken.find("a.jpg"),
            lambda: broken.delete("a.jpg"),
        )
        said = []
        for call in calls:
            try:
                call()
            except CloakError as error:
                said.append("".join(traceback.TracebackException.from_exception(error, capture_locals=False).format()))
        assert said, "nothing went wrong"
        assert not [secret for secret in secrets if secret in "".join(said)]


class Flaky:
    """A destination of which every so manieth request fails, in turn before and after it was carried out.

    Stands before a real one, and counts what it lets through.
    """

    def __init__(self, destination: Destination, every: int = 20) -> None:
        self._inner, self._every = destination, every
        self.requests = self.failed = 0
        self.KIND, self.SETTINGS, self.AUDIENCES = destination.KIND, destination.SETTINGS, destination.AUDIENCES

    def _fail(self, *, after: bool) -> None:
        if self.requests % self._every == 0 and (self.requests // self._every) % 2 == after:
            self.failed += 1
            raise TransientError("cut off by the test")

    def put(self, one: Item, wish: Wish) -> Placed:
        self.requests += 1
        self._fail(after=False)
        placed = self._inner.put(one, wish)
        self._fail(after=True)
        return placed

    def delete(self, handle: str) -> None:
        self.requests += 1
        self._fail(after=False)
        self._inner.delete(handle)
        self._fail(after=True)

    def check(self, wish: Wish) -> None:
        self._inner.check(wish)

    def find(self, name: str) -> str | None:
        return self._inner.find(name)

    def look(self, handle: str) -> Placed | None:
        return self._inner.look(handle)

    def close(self) -> None:
        self._inner.close()


def upload_many(
    destination: Destination,
    ledger: Ledger,
    folder: Path,
    names: Callable[[], Sequence[str]],
    *,
    number: int = 1000,
    wish: Wish | None = None,
) -> None:
    """Upload many photos to a destination, some of whose requests fail, and see that each is there once.

    Args:
        destination: one that fails now and then, such as `Flaky`, or one whose server does.
        ledger: an empty one.
        folder: for the photos.
        names: asks the server, not the destination, for the names of all files that are there.
        number: of photos.
        wish: what to ask for.
    """
    folder.mkdir(exist_ok=True)
    parcels = []
    for seed in range(number):
        path = folder / f"{seed:04}.jpg"
        path.write_bytes(item(seed=seed).file.data)
        parcels.append(Parcel(source=path, path=path))
    backoff = Backoff(attempts=8, first=0.001, most=0.01)
    results = list(deliver(parcels, destination, ledger, place="many", wish=wish or Wish(), backoff=backoff))
    assert [one.reason for one in results if one.placed is None] == []
    there = Counter(name.rsplit("/", 1)[-1] for name in names())
    entries = ledger.entries(State.PLACED)
    assert len(there) == number
    assert set(there.values()) == {1}
    assert {entry.name for entry in entries} == set(there)
    assert len({entry.sha256 for entry in entries}) == number
    assert ledger.entries(State.PENDING) == []

"""What an upload that is there already lacks of what is wished now."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cloak.upload.destination import Audience, Placed, Wish
from cloak.upload.ledger import Entry

SKEW = timedelta(minutes=5)
"""How much a server's clock may differ from ours before that is worth a word."""

_SOONER = 10
"""By what part of the time that is wished an upload may end sooner without a word: people run a command again."""


def falls_short(before: Entry, seen: Placed | None, wish: Wish) -> Iterator[str]:
    """Say in what an upload that is there already is not as wished.

    Args:
        before: the upload.
        seen: what the destination says of it now; None if it could not be asked.
        wish: what is wished now.
    """
    name = f"{before.id}, which is there already,"
    audience = seen.audience if seen else before.audience
    if audience and audience.wider_than(wish.audience):
        yield f"{name} can be seen by more people than wished: {audience}"
    elif audience and wish.audience.wider_than(audience):
        yield f"{name} can be seen by fewer people than wished ({audience}): pass --again for one that is as wished"
    elif wish.audience is Audience.LINK:
        yield f"{name} has a link that was shown once and is kept nowhere: pass --again for another"
    yield from _time(before, wish, name)


def _time(before: Entry, wish: Wish, name: str) -> Iterator[str]:
    ends = [before.expires, before.server_expires if before.audience is not Audience.LINK else None]
    first = min((each for each in ends if each), default=None)
    if wish.expires and (before.expires is None or before.expires > wish.expires + SKEW):
        until = f"until {before.expires:%Y-%m-%d %H:%M} UTC" if before.expires else "until you delete it"
        yield f"{name} stays for longer than wished: {until}"
    elif first and (wish.expires is None or wish.expires - first > _slack(wish.expires)):
        yield f"{name} is gone sooner than wished: on {first:%Y-%m-%d %H:%M} UTC; pass --again for one that stays"


def _slack(expires: datetime) -> timedelta:
    return max(SKEW, (expires - datetime.now(UTC)) / _SOONER)

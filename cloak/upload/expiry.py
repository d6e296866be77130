"""How long uploads stay: ``30d``, ``2026-12-24``, ``never``."""

import re
from datetime import UTC, datetime, timedelta

from cloak.errors import UsageError

NEVER = "never"

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


def expiry(text: str, *, now: datetime | None = None) -> datetime | None:
    """Return when something has to be gone, in UTC; None for never.

    Args:
        text: a number and s, m, h, d, w or y; a date, whose first moment here is meant, or a date and time; or never.
        now: what time it is.

    Raises:
        UsageError: it is none of these, or in the past.
    """
    now = now or datetime.now(UTC)
    if text.strip().lower() == NEVER:
        return None
    try:
        when = _when(text.strip(), now)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time: write 30d, 12h, 2w, 2027-01-31 or never") from None
    if when <= now:
        raise UsageError(f"{text!r} is in the past: it is {now:%Y-%m-%d %H:%M} UTC by this computer's clock")
    return when


def _when(text: str, now: datetime) -> datetime:
    match = re.fullmatch(r"(\d{1,6})\s*([smhdwy])", text.lower())
    if match:
        return now + int(match[1]) * _UNITS[match[2]]
    return datetime.fromisoformat(text).astimezone(UTC)

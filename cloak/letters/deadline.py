"""When an answer is due."""

import calendar
from datetime import date, timedelta


def one_month_after(received: date) -> date:
    """Return the last day on which a request may be answered.

    That is the same day of the next month, or its last day where it is shorter; from a Saturday or Sunday, the Monday
    after. Public holidays, which differ between countries and regions, are not considered.

    >>> one_month_after(date(2026, 8, 31))
    datetime.date(2026, 9, 30)

    Source: Article 12(3) GDPR; Regulation (EEC, Euratom) No 1182/71, Article 3(2)(c) and (4); EDPB Guidelines 01/2022,
    section 5.3.
    """
    year, month = (received.year, received.month + 1) if received.month < 12 else (received.year + 1, 1)
    due = date(year, month, min(received.day, calendar.monthrange(year, month)[1]))
    return due + timedelta(days=max(0, 7 - due.weekday()) if due.weekday() >= 5 else 0)

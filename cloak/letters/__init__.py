"""Letters by which people use their rights against face-search companies; nothing here is sent anywhere."""

from cloak.letters.catalogue import Company, authority, company, countries, languages
from cloak.letters.deadline import one_month_after
from cloak.letters.letter import Letter, Publication, Request, Right, Sender, draft

__all__ = [
    "Company",
    "Letter",
    "Publication",
    "Request",
    "Right",
    "Sender",
    "authority",
    "company",
    "countries",
    "draft",
    "languages",
    "one_month_after",
]

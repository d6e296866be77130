"""Pixelfed: Mastodon's API, without posts that only their author sees."""

from typing import ClassVar

from cloak.upload.destination import Audience
from cloak.upload.destinations.mastodon import Mastodon


class Pixelfed(Mastodon):
    """As Mastodon, but its narrowest audience are one's followers: it answers 400 to visibility ``direct``."""

    KIND: ClassVar[str] = "pixelfed"
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.FOLLOWERS, Audience.PUBLIC)
    LOCK: ClassVar[str] = "in its settings, under Privacy: a private account"

"""Pixelfed: Mastodon's API, without posts that only their author sees."""

from typing import ClassVar

from cloak.upload.destination import Audience
from cloak.upload.destinations.mastodon import Mastodon


class Pixelfed(Mastodon):
    """As Mastodon, but its narrowest audience are one's followers: it answers 400 to visibility ``direct``.

    It deletes a picture with its post. A handle is ``ACCOUNT/POST``.
    """

    KIND: ClassVar[str] = "pixelfed"
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.FOLLOWERS, Audience.PUBLIC)
    KEEPS: ClassVar[bool] = False
    LOCK: ClassVar[str] = "in its settings, under Privacy: a private account"

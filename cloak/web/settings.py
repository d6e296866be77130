"""Everything that can be set of `cloak serve`."""

import secrets
from dataclasses import dataclass, field

from cloak.config import Effort
from cloak.errors import ConfigError
from cloak.models import Profile

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not bound to
MIN_TOKEN = 32
"""Characters of a token that may be shown to other machines."""


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run of the server.

    Attributes:
        token: what each request to the API shows.
        host: what it is bound to.
        port: of it.
        tls: whether it speaks TLS itself.
        hosts: names, with or without a port, that it may be asked for under, beside that of `host`.
        api_only: leave the page out.
        max_bytes: of one photo.
        max_pixels: of one photo.
        max_faces: of one photo.
        max_seconds: that one photo may be worked on.
        queue: requests and jobs that may wait.
        max_memory: bytes of photos that are held together.
        keep: seconds after the last request for it that a job is kept.
        photos_per_job: that a job may have.
        jobs_at_once: jobs that may be held.
        weights: which surrogates, by licence.
        effort: how long a cloak is searched for.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        processors: to keep busy; None for all that there are.
        idle_seconds: for which a body may stand still.
        slow_seconds: after which a body has to have come at `slow_bytes` a second.
        slow_bytes: see there.
    """

    token: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int
    tls: bool = False
    hosts: frozenset[str] = frozenset()
    api_only: bool = False
    max_bytes: int = 64 * 2**20
    max_pixels: int = 64 * 2**20
    max_faces: int = 64
    max_seconds: float = 600
    queue: int = 16
    max_memory: int = 2**30
    keep: float = 1800
    photos_per_job: int = 500
    jobs_at_once: int = 64
    weights: Profile = Profile.OPEN
    effort: Effort = Effort.NORMAL
    device: str = "auto"
    processors: int | None = None
    idle_seconds: float = 15
    slow_seconds: float = 20
    slow_bytes: int = 16 * 2**10

    def __post_init__(self) -> None:
        names = ("max_bytes", "max_pixels", "max_faces", "max_seconds", "queue", "max_memory", "keep", "photos_per_job")
        for name in names:
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be more than 0, got {getattr(self, name)}")
        if self.processors is not None and self.processors < 1:
            raise ConfigError(f"jobs must be at least 1, got {self.processors}")
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise ConfigError("a token must be printable ASCII without spaces")

    @property
    def scheme(self) -> str:
        """Of addresses."""
        return "https" if self.tls else "http"

    @property
    def shown_host(self) -> str:
        """What to write into an address that is opened on this machine."""
        if self.host in ANYWHERE:
            return "127.0.0.1" if self.host == "0.0.0.0" else "[::1]"  # noqa: S104
        return f"[{self.host}]" if ":" in self.host else self.host

"""Passwords and tokens: from the environment or the system's keyring, and to nobody but the server."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from cloak.errors import CredentialsError


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or token that does not print itself; `reveal` gives it to the one who sends it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the secret itself: for the call that sends it, and for nothing else."""
        return self._value

    def token(self, name: str) -> str:
        """Return it where it has to be a word that a header of HTTP can hold, as tokens and keys are.

        Args:
            name: what it is: "API key".

        Raises:
            CredentialsError: it cannot be one.
        """
        if not self._value.isascii() or not self._value.isprintable() or " " in self._value:
            raise CredentialsError(f"what is set as {name} cannot be one, it holds other characters: copy it once more")
        return self._value

    def __str__(self) -> str:
        return "(secret)"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one destination.

    Attributes:
        destination: its name in the configuration.
        keyring: looks one up by name; None where it has none.
    """

    destination: str
    keyring: Callable[[str], str | None] = field(default=lambda _: None, repr=False)

    def get(self, name: str) -> Secret | None:
        """Return a secret, or None: of the environment (`variable`) before that of the keyring.

        The end of a line is no part of it, as it comes along from files.
        """
        found = os.environ.get(self.variable(name)) or self.keyring(f"{self.destination}.{name}")
        found = (found or "").rstrip("\r\n")
        return Secret(found) if found else None

    def need(self, name: str) -> Secret:
        """Return a secret.

        Raises:
            CredentialsError: there is none.
        """
        found = self.get(name)
        if found is None:
            raise CredentialsError(
                f"{self.destination} needs its {name}: run `cloak upload setup {self.destination}`, "
                f"or set {self.variable(name)}"
            )
        return found

    def variable(self, name: str) -> str:
        """Return the environment variable that a secret may be in: ``CLOAK_<DESTINATION>_<NAME>``."""
        words = f"cloak_{self.destination}_{name}".upper()
        return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in words)

"""Where references are kept: one file in the user's data folder, encrypted with a key that the system's keyring has.

Where there is no keyring, nothing is kept. The alternative, a file with the key beside the file that it opens, protects
from nobody: who can read the one, a backup of the folder included, can read the other. An embedding is as good as a
face to a search engine, and to seem protected would be worse than to be asked for the photos again.

The file, ``people/me.cloak``::

    b"cloak me"  version (2 bytes)  name of the key (16 letters)  nonce (12 bytes)  ciphertext and tag

AES-256-GCM; what stands before the nonce is authenticated, too. Whatever is kept, is kept with a new key, so that no
nonce is used twice and an old copy of the file is worth nothing. Inside: a line of JSON, then float32 numbers.
"""

import json
import os
import secrets
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import platformdirs

from cloak import keys
from cloak.errors import CloakError, MissingExtraError, ReferencesError, WriteError
from cloak.files import write
from cloak.names import shown
from cloak.references import START_AGAIN, References

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MAGIC = b"cloak me"
_VERSION = 1
_NAME = 16
_NONCE = 12


class _Sealed(NamedTuple):
    """The file in its parts; `header` is all that stands before the nonce."""

    header: bytes
    nonce: bytes
    ciphertext: bytes

    @property
    def key(self) -> str:
        """The name of its key."""
        return self.header[-_NAME:].decode("ascii", "replace")


def path() -> Path:
    """Return where references are or would be kept, under ``CLOAK_HOME`` or the user's data folder."""
    home = os.environ.get("CLOAK_HOME")
    base = Path(home).expanduser() if home else platformdirs.user_data_path("cloak", appauthor=False)
    return base / "people" / "me.cloak"


def keep(references: References) -> bool:
    """Keep references in place of those that were kept before, if this system has a place for the key.

    Returns:
        Whether they are kept.

    Raises:
        MissingExtraError: the packages for it are not installed.
        ReferencesError: the keyring is locked, or the file cannot be written; what was kept before still is.
    """
    if keys.place() is None:
        return False
    before = _key_before()
    name, key, nonce = secrets.token_hex(_NAME // 2), secrets.token_bytes(keys.LENGTH), secrets.token_bytes(_NONCE)
    header = _MAGIC + _VERSION.to_bytes(2, "big") + name.encode("ascii")
    sealed = header + nonce + _cipher(key).encrypt(nonce, _packed(references), header)
    keys.put(name, key)
    try:
        path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(path(), sealed, overwrite=True, private=True)
    except (OSError, WriteError) as error:
        with suppress(ReferencesError):
            keys.drop(name)
        raise ReferencesError(f"{_reason(error)}; nothing was changed") from error
    if before:
        with suppress(ReferencesError):  # it opens nothing any more
            keys.drop(before)
    return True


def load() -> References | None:
    """Return the references that are kept, or None.

    Raises:
        MissingExtraError: there are some, and the packages for it are not installed.
        ReferencesError: there are some, and they cannot be read: the message says why.
    """
    sealed = _read()
    if sealed is None:
        return None
    key = keys.get(sealed.key)
    if key is None:
        raise _useless("is encrypted with a key that the system's keyring does not have (any more)")
    try:
        return _unpacked(_cipher(key).decrypt(sealed.nonce, sealed.ciphertext, sealed.header))
    except _invalid():
        raise _useless("was altered or damaged, or belongs to another key") from None


def forget() -> bool:
    """Delete the key, without which the file and every copy of it are worth nothing, and the file.

    Returns:
        Whether there was anything.

    Raises:
        ReferencesError: the file cannot be deleted; or it is, and the key could not be.
    """
    if not os.path.lexists(path()):
        return False
    name, problem = _key_before(), ""
    try:
        if name:
            keys.drop(name)
    except CloakError as error:
        problem = str(error)
    try:
        path().unlink()
    except OSError as error:
        raise ReferencesError(f"cannot delete {shown(path())}: {error.strerror or error}") from error
    if problem:
        raise ReferencesError(
            f"the file is deleted, but its key {name!r} may still be in the keyring under {keys.SERVICE!r}, where it "
            f"opens nothing but copies of the file: {problem}"
        )
    return True


def _read() -> _Sealed | None:
    """Return the file in its parts, or None where there is none."""
    try:
        data = path().read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReferencesError(f"cannot read {shown(path())}: {error.strerror or error}: {START_AGAIN}") from error
    start = len(_MAGIC) + 2
    if len(data) <= start + _NAME + _NONCE or not data.startswith(_MAGIC):
        raise _useless("is cut short or damaged")
    version = int.from_bytes(data[start - 2 : start], "big")
    if version != _VERSION:
        raise _useless(f"has format {version}, of a newer version of this program (this one knows {_VERSION}): update")
    nonce = start + _NAME
    return _Sealed(data[:nonce], data[nonce : nonce + _NONCE], data[nonce + _NONCE :])


def _key_before() -> str | None:
    """Return the name of the key of the file that is there, if that can be told."""
    with suppress(ReferencesError):
        sealed = _read()
        return sealed.key if sealed else None
    return None


def _useless(what: str) -> ReferencesError:
    return ReferencesError(f"{shown(path())} {what}: {START_AGAIN}")


def _packed(references: References) -> bytes:
    photos, dim = references.embeddings.shape
    head = {"recogniser": references.recogniser, "added": references.added.isoformat(), "photos": photos, "dim": dim}
    return json.dumps(head).encode() + b"\n" + references.embeddings.astype("<f4").tobytes()


def _unpacked(data: bytes) -> References:
    """Read what was authenticated, and so is as `_packed` made it."""
    line, _, numbers = data.partition(b"\n")
    head = json.loads(line)
    return References(
        embeddings=np.frombuffer(numbers, "<f4").reshape(head["photos"], head["dim"]).astype(np.float32),
        recogniser=head["recogniser"],
        added=date.fromisoformat(head["added"]),
    )


def _cipher(key: bytes) -> "AESGCM":
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 -- of an extra
    except ImportError as error:
        raise MissingExtraError("reference photos", "people") from error
    return AESGCM(key)


def _invalid() -> type[Exception]:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 -- of an extra; `_cipher` has seen that it is there

    return InvalidTag


def _reason(error: OSError | WriteError) -> str:
    return str(error) if isinstance(error, WriteError) else f"cannot write {shown(path())}: {error.strerror or error}"

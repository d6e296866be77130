"""Keyrings for tests: back ends by keyring's own interface, in memory."""

import keyring.backend
import keyring.errors


class Memory(keyring.backend.KeyringBackend):
    """One as good as a system's."""

    priority = 5

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError(username)


class PlainFile(Memory):
    """One that keeps passwords in a plain file; keyring gives those such a priority."""

    priority = 0.5


class ChainOfPlainFiles(PlainFile):
    """Several of those, as keyring chains them; the chain has a priority of its own."""

    priority = 10
    backends = (PlainFile(),)


class Broken(Memory):
    """A plug-in with a bug."""

    def _break(self, *_):
        raise RuntimeError("out of luck")

    get_password = set_password = delete_password = _break


class Locked(Memory):
    """One whose owner does not unlock it."""

    def _refuse(self, *_):
        raise keyring.errors.KeyringLocked("locked")

    get_password = set_password = delete_password = _refuse

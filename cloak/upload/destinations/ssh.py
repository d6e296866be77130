"""A connection to an SSH server that is who it should be, with what may go wrong as errors of ours."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko

from cloak.errors import (
    CloakError,
    ConfigError,
    CredentialsError,
    TransferError,
    TransientError,
    UnreachableError,
    UntrustedError,
    UploadError,
)
from cloak.upload.credentials import Secret

SYSTEM_HOSTS = "/etc/ssh/ssh_known_hosts"
USER_HOSTS = "~/.ssh/known_hosts"
CONFIG = "~/.ssh/config"

_NOTHING_TO_SHOW = "No authentication methods available"
"""What paramiko says where it has no key and no password."""

_MAY_I = bytes([5])
"""SSH_MSG_SERVICE_REQUEST (RFC 4253, section 10)."""

_DROPPED = frozenset({"Socket is closed"})

_WAIT = 60.0
"""Seconds to wait for an answer of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where to sign in, and with what.

    Attributes:
        host: name or number.
        port: of the server.
        user: who signs in.
        keys: files of private keys; those of ~/.ssh and of the agent are tried as well.
        known_hosts: files of the keys of servers.
        password: of the user; None without.
        passphrase: of the private keys; None without.
        proxy: a command to connect through; None for directly.
        variable: of the environment, where the password may be.
    """

    host: str
    port: int
    user: str | None
    keys: tuple[str, ...]
    known_hosts: tuple[str, ...]
    password: Secret | None = None
    passphrase: Secret | None = None
    proxy: str | None = None
    variable: str = ""


def login(
    host: str,
    *,
    port: str = "",
    user: str = "",
    key: str = "",
    known_hosts: str = "",
    password: Secret | None = None,
    passphrase: Secret | None = None,
    variable: str = "",
) -> Login:
    """Complete what was set by what ~/.ssh/config says of the host.

    Raises:
        ConfigError: a setting makes no sense, or ~/.ssh/config asks for what is not done here.
    """
    found = _configured(host)
    if found.get("proxyjump", "none") != "none":
        raise ConfigError(
            f"~/.ssh/config reaches {host} by ProxyJump, which is not done here: write ProxyCommand "
            f"ssh -W %h:%p {found['proxyjump']}"
        )
    if key and not Path(_expanded(key)).is_file():
        raise ConfigError(f"there is no private key {key!r}: name its file, or leave it out for the usual ones")
    number = port or found.get("port", "22")
    if not number.isdigit() or not 0 < int(number) < 65536:
        raise ConfigError(f"the port of an SSH server is a number from 1 to 65535, got {number!r}")
    files = [known_hosts] if known_hosts else found.get("userknownhostsfile", USER_HOSTS).split()
    return Login(
        host=found.get("hostname", host),
        port=int(number),
        user=user or found.get("user"),
        keys=tuple(_expanded(each) for each in ([key] if key else found.get("identityfile", []))),
        known_hosts=(SYSTEM_HOSTS, *(_expanded(each) for each in files)),
        password=password,
        passphrase=passphrase,
        proxy=found.get("proxycommand"),
        variable=variable,
    )


def connect(where: Login) -> paramiko.SSHClient:
    """Connect to a server, see that it is who it should be, and sign in.

    Raises:
        UntrustedError: its key is unknown or another; nothing was sent.
        CredentialsError: it does not let us in, or there is nothing to sign in with.
        UnreachableError: it is out of reach; nothing was sent but what signing in takes.
    """
    client = paramiko.SSHClient()
    for file in where.known_hosts:
        with suppress(FileNotFoundError):
            client.load_system_host_keys(file)
    client.set_missing_host_key_policy(_Refuse())
    try:
        with translated(f"sign in to {where.host}"):
            client.connect(
                where.host,
                where.port,
                where.user,
                password=where.password.reveal() if where.password else None,
                passphrase=where.passphrase.reveal() if where.passphrase else None,
                key_filename=[each for each in where.keys if Path(each).exists()],
                sock=paramiko.ProxyCommand(where.proxy) if where.proxy else None,
                timeout=10,
                banner_timeout=30,
                auth_timeout=30,
                channel_timeout=30,
                transport_factory=_Transport,
            )
    except CloakError as error:
        client.close()
        if str(error.__cause__) == _NOTHING_TO_SHOW:
            raise CredentialsError(
                f"cannot sign in to {where.host}: there is neither a private key nor a password: name the key's file "
                f"with `cloak upload setup`, or set {where.variable or 'the password'}"
            ) from error
        if isinstance(error, TransientError):
            raise UnreachableError(str(error)) from error
        raise
    return client


def sftp(client: paramiko.SSHClient) -> paramiko.SFTPClient:
    """Begin to speak SFTP over a connection, which may take its time, but not for ever.

    Raises:
        UploadError: the server answers with something else, each time.
        TransientError: it does not answer, or the connection broke.
    """
    with translated("speak SFTP to the server"):
        transport = client.get_transport()
        if transport is None:
            raise EOFError
        channel = transport.open_session(timeout=30)
        channel.settimeout(_WAIT)
        try:
            channel.invoke_subsystem("sftp")
            return paramiko.SFTPClient(channel)
        except paramiko.SFTPError as error:
            raise UploadError(
                f"the server does not speak SFTP ({error}): if ssh to it works, something there prints a text where "
                "nobody reads it, such as a line in .bashrc or .profile: have it print that on terminals only"
            ) from error


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what paramiko raises into errors of ours.

    Args:
        doing: what for, in people's words: "upload to example.org".
    """
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise UntrustedError(
            f"cannot {doing}: the server has another key than it had ({error.key.get_name()} {error.key.fingerprint}): "
            "somebody may be between you and it; ask whoever runs it, and only if the key was changed there, remove "
            "the old one from known_hosts (ssh-keygen -R)"
        ) from error
    except paramiko.PasswordRequiredException as error:
        raise CredentialsError(f"cannot {doing}: the private key needs its passphrase") from error
    except paramiko.AuthenticationException as error:
        raise CredentialsError(
            f"cannot {doing}: the server refused user, key and password: check them with the command sftp"
        ) from error
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise UploadError(f"cannot {doing}: the server knows no method that is safe: {error}") from error
    except paramiko.SFTPError as error:  # of no family of paramiko's errors
        raise TransferError(f"cannot {doing}: the server's answer is none of SFTP ({error})") from error
    except (paramiko.SSHException, EOFError) as error:
        raise TransientError(f"cannot {doing}: the connection failed ({error or 'it was cut off'})") from error
    except OSError as error:
        raise _failed(error, doing) from error


def broken(error: Exception) -> bool:
    """Whether an error leaves a connection that is of no use: lost, or with answers to come that nobody waits for."""
    sense = isinstance(error, CloakError) and not isinstance(error.__cause__, paramiko.SFTPError)
    return isinstance(error, TransientError) or not sense


def _failed(error: OSError, doing: str) -> CloakError:
    """Return what an error means that is either the network's or the server's answer."""
    if error.errno == errno.ENOENT:
        return TransferError(f"cannot {doing}: there is no such file or folder")
    if error.errno == errno.EACCES:
        return UploadError(f"cannot {doing}: the server says that permission is denied: choose another folder")
    text = str(error)
    network = isinstance(error, (ConnectionError, TimeoutError)) or error.errno is not None
    if network or text in _DROPPED or isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        return TransientError(f"cannot {doing}: the connection failed ({text or type(error).__name__})")
    return TransferError(
        f"cannot {doing}: the server says {text!r}; if that is 'Failure', its disk may be full or the quota used up"
    )


class _Transport(paramiko.Transport):  # type: ignore[misc]  # untyped upstream
    """Asks once for leave to sign in, however many keys it shows then: some servers refuse to be asked again.

    Paramiko has a `ServiceRequestingTransport`, too, which loses answers that are quick and waits for ever for others.
    """

    _asked = False

    def _send_message(self, data: paramiko.Message) -> None:
        if data.asbytes()[:1] != _MAY_I:
            super()._send_message(data)
        elif not self._asked:
            self._asked = True
            super()._send_message(data)
        else:  # the server gave its leave before
            accepted = paramiko.Message()
            accepted.add_string("ssh-userauth")
            accepted.rewind()
            self.auth_handler._parse_service_accept(accepted)


class _Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # untyped upstream
    """Signs in to no server whose key is not known, and says how to make it known."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        raise UntrustedError(
            f"the key of {hostname} is not known ({key.get_name()} {key.fingerprint}): ask whoever runs the server for "
            "it, compare, and sign in once with the command sftp, which adds it to known_hosts"
        )


def _configured(host: str) -> paramiko.SSHConfigDict:
    """Return what ~/.ssh/config says of a host."""
    path = Path(CONFIG).expanduser()
    try:
        return paramiko.SSHConfig.from_path(str(path)).lookup(host)
    except FileNotFoundError:
        return paramiko.SSHConfig().lookup(host)
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error


def _expanded(path: str) -> str:
    return str(Path(path).expanduser())

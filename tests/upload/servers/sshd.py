"""OpenSSH's server, with keys of its own, which takes one key and refuses passwords, or takes one password alone."""

import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .programs import free_port, started

PASSWORD = "s3cret-of-sshd"  # noqa: S105 -- of nobody


@dataclass(frozen=True)
class Sshd:
    """A running server.

    Attributes:
        port: where it listens.
        key: file of the private key that it takes.
        known_hosts: file with its own key.
        home: a folder for files.
    """

    port: int
    key: Path
    known_hosts: Path
    home: Path

    def settings(self, **others: str) -> dict[str, str]:
        return {
            "host": "127.0.0.1",
            "port": str(self.port),
            "user": getpass.getuser(),
            "key": str(self.key),
            "known-hosts": str(self.known_hosts),
            "path": str(self.home / "photos"),
            **others,
        }


def keygen(path: Path, *, passphrase: str = "") -> str:
    """Make a key, and return its public half."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub").read_text().strip()


@contextmanager
def running(
    folder: Path, *, before: str = "", options: str = "", passphrase: str = "", password: bool = False
) -> Iterator[Sshd]:
    """Serve SFTP.

    Args:
        folder: for keys, configuration, log and files.
        before: what a shell does before the server of a connection begins.
        options: of that server.
        passphrase: of the key that it takes.
        password: whether it takes `PASSWORD`, and no key.
    """
    if not os.environ.get("CLOAK_TEST_SERVERS"):
        pytest.skip("needs servers: run `.ci/servers FOLDER` and set CLOAK_TEST_SERVERS=FOLDER")
    sshd = shutil.which("sshd", path=f"/usr/sbin:{os.environ['PATH']}")
    sftp = next((path for path in map(Path, _SFTP) if path.exists()), None)
    if sshd is None or sftp is None:
        pytest.fail("there is no sshd with sftp-server: install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists
    port = free_port()
    host = keygen(folder / "host")
    (folder / "authorized").write_text(keygen(folder / "key", passphrase=passphrase) + "\n")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}\n")
    start = folder / "start"
    start.write_text(f"#!/bin/sh\n{before}\nexec {sftp} {options}\n")
    start.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nAuthorizedKeysFile {folder / 'authorized'}\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication yes\n"
        f"MaxStartups 100\nSubsystem sftp {start}\nPubkeyAuthentication {'no' if password else 'yes'}\n"
    )
    accounts = {"LD_PRELOAD": str(_accounts(folder))} if password else {}
    with started([sshd, "-D", "-e", "-f", str(config)], port, folder / "sshd.log", **accounts):
        yield Sshd(port, folder / "key", folder / "known_hosts", home)


def _accounts(folder: Path) -> Path:
    """Make what tells the server the password of whoever runs the tests: nobody is to change an account for them."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("there is no C compiler: install gcc and libc6-dev")
    source, made = folder / "accounts.c", folder / "accounts.so"
    source.write_text(_ACCOUNTS % (json.dumps(getpass.getuser()), json.dumps(_HASH)))
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(made), str(source)], check=True)
    return made


_HASH = "$6$cloaktests$vjbfAKNjCcaBVs5bILle6e1gNPClFNrqrtfVzNvlIP0/Z6phafXJCPfx.bqqrgk4Ybd2g0b9h3cufMAN2stvW1"
"""Of `PASSWORD`, by ``openssl passwd -6``."""

_ACCOUNTS = """
#include <shadow.h>
#include <string.h>
struct spwd *getspnam(const char *name) {
    static struct spwd entry = {%s, %s, -1, -1, -1, -1, -1, -1, 0};
    return strcmp(name, entry.sp_namp) ? 0 : &entry;
}
"""

_SFTP = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
)

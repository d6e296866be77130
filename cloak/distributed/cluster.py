"""Connect to Ray, or start it, quietly and for nobody else."""

import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
from typing import Any

from cloak.config import ProtectConfig
from cloak.errors import CloakError, UsageError

# Read when Ray is imported. Nothing phones home, and what Ray says to itself is not for users, unless they ask for it.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # a thread that comes late must not start a cluster of its own
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Ray about itself
    import ray
    import ray.data
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

__all__ = ["NodeAffinitySchedulingStrategy", "RayError", "call", "cluster", "ray"]

STORE = 512 * 2**20
"""Memory for what travels, of a cluster that is started for one run: parts are small."""

_TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 -- the name of a variable


def call(clerk: Any, name: str, *told: Any) -> Any:  # noqa: ANN401 -- Ray has no types
    """Call a method of the clerk and raise what it raises.

    Raises:
        CloakError: whatever the method raised, or the clerk is lost.
    """
    try:
        return ray.get(getattr(clerk, name).remote(*told))
    except RayTaskError as error:
        raise error.cause from None
    except RayError as error:
        raise CloakError("the process that keeps account was lost: the same command goes on from there") from error


@contextmanager
def cluster(address: str | None, config: ProtectConfig) -> Iterator[None]:
    """Connect to a cluster, or start one, quietly."""
    address = address or os.environ.get("RAY_ADDRESS")
    if address and address.startswith("ray://"):
        raise UsageError("--address is that of a cluster that this machine is part of, as in 10.0.0.1:6379: not ray://")
    options: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "logging_level": "ERROR"}
    handler = signal.getsignal(signal.SIGTERM)
    with ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="cloak-ray-", dir="/tmp" if os.name == "posix" else None)  # noqa: S108 -- sockets need short names
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if not address:
            every = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            count = config.jobs or every
            options |= {"num_cpus": count, "object_store_memory": STORE, "include_dashboard": False}
            options["_temp_dir"] = folder
            # Ray listens on all networks, and does what it is told by whoever has the token: a new one each time, and
            # no file of it in the home folder.
            stack.callback(_put_back, _TOKEN, os.environ.get(_TOKEN))
            os.environ[_TOKEN] = secrets.token_hex(32)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # of Ray about itself
        # Ray prints what befalls its workers to stdout, where results belong; nothing public turns that off.
        ray._private.worker.listen_error_messages = lambda *_, **__: None
        try:
            # Workers import from the folder that Ray is started in first of all: it must not be one with photos.
            with _silence(), chdir(folder):
                ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise CloakError(f"no cluster at {address or 'this machine'}: {error}") from error
        stack.callback(ray.shutdown)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray leaves at once
        context = ray.data.DataContext.get_current()
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        context.enable_progress_bars = context.print_on_execution_start = False
        yield


def _put_back(name: str, value: str | None) -> None:
    os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value


@contextmanager
def _silence() -> Iterator[None]:
    """Throw away what Ray's C++ parts print; they do not ask Python."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)

"""Many workers on many machines, by Ray Data: parts are read, taken through the pipeline, and written by the workers.

What travels is the bytes of originals (a part at a time), names, and outcomes; written photos travel only where the
output is a folder of the machine that the run was started on. A worker that is lost costs what it had in hand: Ray
gives its part to another, and the clerk knows which photos of it are done.
"""

import logging
import os
import queue
import secrets
import shutil
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cloak.config import ProtectConfig
from cloak.crew import LANE
from cloak.distributed.clerk import Clerk
from cloak.distributed.inline import prepared
from cloak.distributed.places import is_url
from cloak.distributed.planning import Work, pack, unpack
from cloak.distributed.worker import Loaded, Worker, load
from cloak.errors import CloakError, UsageError
from cloak.outcome import Outcome
from cloak.references import References

# Read when Ray is imported. Nothing phones home, and what Ray says to itself is not for users, unless they ask for it.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Ray about itself
    import ray
    import ray.data
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

STORE = 512 * 2**20
"""Memory for what travels, of a cluster that is started for one run: parts are small."""

_TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 -- the name of a variable
_LOOKING = 0.2
_PATIENCE = 60
"""Seconds that workers have to stop in good order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """How many workers there are, and what each gets.

    Attributes:
        workers: how many.
        cpus: processors of each.
        gpus: GPUs of each, 0 or 1.
    """

    workers: int
    cpus: int
    gpus: int


def staff(nodes: list[dict[str, float]], config: ProtectConfig) -> Staff:
    """Divide machines: a worker for each GPU, or, where there are none, for every four processors as in `cloak.crew`.

    Args:
        nodes: the resources of each machine, as Ray counts them.
        config: with `jobs`, the processors of each worker; with the device "cpu", GPUs are left alone.

    Raises:
        UsageError: there are no processors.
    """
    gpus = 0 if config.device == "cpu" else int(sum(node.get("GPU", 0) for node in nodes))
    processors = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    if gpus:
        return Staff(workers=gpus, cpus=config.jobs or 1, gpus=1)
    if not processors:
        raise UsageError("the cluster has no processors: give --address another one")
    cpus = min(config.jobs or LANE, *processors, LANE if config.jobs is None else config.jobs)
    return Staff(workers=sum(count // cpus for count in processors), cpus=cpus, gpus=0)


def protect(
    work: Work, *, references: References | None, manifest: bool, address: str | None, stop: threading.Event
) -> Iterator[tuple[int, Outcome]]:
    """Protect photos on a cluster, or on one that is started on this machine for as long as it takes.

    Args:
        work: what is to be done.
        references: the person whom it is about.
        manifest: keep one.
        address: of a cluster; None for the environment's (RAY_ADDRESS), or one of this machine alone.
        stop: when it is set, what is being written is finished, the rest is given up.

    Yields:
        The place of each photo among all, and what became of it, in no particular order.

    Raises:
        CloakError: something that concerns all photos.
    """
    config = replace(work.config, report=None)
    salt = prepared(work, manifest=manifest)
    output = work.output if is_url(work.output) else os.path.abspath(work.output)  # noqa: PTH100 -- resolve() follows links
    with _cluster(address, config):
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        clerk = (
            ray.remote(Clerk)
            .options(num_cpus=0, max_concurrency=16, scheduling_strategy=here)
            .remote(output, config, references, manifest=manifest)
        )
        call(clerk, "open")
        people = staff([node["Resources"] for node in ray.nodes() if node["Alive"]], config)
        # A part that is on this machine alone is read here, whoever works on it.
        where = here if any(not task.root for task in work.tasks) else "SPREAD"
        brief = _Brief(config, references, output, salt, clerk)
        try:
            yield from _outcomes(_dataset(work, brief, people, where), clerk, stop)
        finally:
            with suppress(RayError):
                call(clerk, "close")


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


@dataclass(frozen=True, slots=True)
class _Brief:
    """What a worker is told once; small, and without pixels."""

    config: ProtectConfig
    references: References | None
    output: str
    salt: bytes | None
    clerk: Any


def _dataset(work: Work, brief: _Brief, people: Staff, where: Any) -> Any:  # noqa: ANN401 -- Ray has no types
    """Say what is to be done; nothing is before somebody asks for rows."""
    parts = [{"tasks": pack(part)} for part in work.parts(people.workers)]
    config = replace(brief.config, jobs=people.cpus, device=brief.config.device if people.gpus else "cpu")
    workers = min(people.workers, len(parts))
    resources = {"num_gpus": people.gpus} if people.gpus else {}
    return (
        ray.data.from_items(parts, override_num_blocks=len(parts))
        .map_batches(
            _load,
            fn_kwargs={"max_pixels": config.max_pixels},
            batch_size=None,
            compute=ray.data.TaskPoolStrategy(size=workers + 1),
            num_cpus=0,
            scheduling_strategy=where,
        )
        .map_batches(
            _Actor,
            fn_constructor_args=(replace(brief, config=config),),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers),
            num_cpus=people.cpus,
            **resources,
        )
    )


def _load(batch: dict[str, Any], max_pixels: int) -> dict[str, list[Any]]:
    """Read the originals of a part, or of several."""
    loaded = [each for text in batch["tasks"] for each in load(unpack(str(text)), max_pixels)]
    return {
        "task": [pack([each.task]) for each in loaded],
        "content": [each.content for each in loaded],
        "problem": [each.problem for each in loaded],
    }


class _Actor:
    """A worker where Ray put it."""

    def __init__(self, brief: _Brief) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which ends this in good order
        self._worker = Worker(
            brief.config,
            brief.references,
            brief.output,
            brief.salt,
            lambda name, *told: call(brief.clerk, name, *told),
        )

    def __call__(self, table: Any) -> dict[str, Any]:  # noqa: ANN401
        """Protect a part, and say which photos it had."""
        part = [
            Loaded(task, content.as_py(), problem.as_py())
            for text, content, problem in zip(table["task"], table["content"], table["problem"], strict=True)
            for task in unpack(text.as_py())
        ]
        self._worker.work(part)
        return {"index": np.array([each.task.index for each in part], dtype=np.int64)}


def _outcomes(dataset: Any, clerk: Any, stop: threading.Event) -> Iterator[tuple[int, Outcome]]:  # noqa: ANN401
    """Yield what is done until all is, or until everybody has stopped."""
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            for _ in dataset.iter_batches(batch_size=None):
                pass
        except BaseException as error:  # raised again below
            ended.put(error)
        else:
            ended.put(None)

    threading.Thread(target=run, name="cloak-ray", daemon=True).start()
    deadline: float | None = None
    while True:
        over, error = False, None
        with suppress(queue.Empty):
            error, over = ended.get(timeout=_LOOKING), True
        yield from call(clerk, "collect").items()
        if problem := call(clerk, "problem"):
            raise CloakError(problem)
        if over and error:
            raise error
        if over:
            return
        if stop.is_set() and deadline is None:
            call(clerk, "stop")
            deadline = time.monotonic() + _PATIENCE
        elif deadline and (not call(clerk, "busy") or time.monotonic() > deadline):
            yield from call(clerk, "collect").items()
            return


@contextmanager
def _cluster(address: str | None, config: ProtectConfig) -> Iterator[None]:
    """Connect to a cluster, or start one, quietly."""
    address = address or os.environ.get("RAY_ADDRESS")
    if address and address.startswith("ray://"):
        raise UsageError("--address is that of a cluster that this machine is part of, as in 10.0.0.1:6379: not ray://")
    options: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "logging_level": "ERROR"}
    handler = signal.getsignal(signal.SIGTERM)
    with ExitStack() as stack:
        if not address:
            folder = tempfile.mkdtemp(prefix="cloak-", dir="/tmp" if os.name == "posix" else None)  # noqa: S108 -- sockets need short names
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            count = config.jobs or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
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
            with _silence():
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

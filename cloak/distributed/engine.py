"""Many workers on many machines, by Ray Data: parts are read, taken through the pipeline, and written by the workers.

What travels is the bytes of originals (a part at a time), names, and outcomes; written photos travel only where the
output is a folder of the machine that the run was started on. A worker that is lost costs what it had in hand: Ray
gives its part to another, and the clerk knows which photos of it are done.
"""

import os
import queue
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cloak.config import ProtectConfig
from cloak.crew import LANE
from cloak.distributed.clerk import Clerk
from cloak.distributed.cluster import NodeAffinitySchedulingStrategy, RayError, call, cluster, ray
from cloak.distributed.inline import prepared
from cloak.distributed.places import is_url
from cloak.distributed.planning import Show, Work, pack, unpack
from cloak.distributed.worker import Loaded, Worker, load
from cloak.errors import CloakError, UsageError
from cloak.outcome import Outcome
from cloak.references import References

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
        UsageError: there are no processors, or no GPUs and the device is one.
    """
    gpus = 0 if config.device == "cpu" else int(sum(node.get("GPU", 0) for node in nodes))
    processors = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    if gpus:
        return Staff(workers=gpus, cpus=config.jobs or 1, gpus=1)
    if not processors:
        raise UsageError("the cluster has no processors: give --address another one")
    if config.device not in {"auto", "cpu"}:
        raise UsageError(
            f"the cluster has no GPU for --device {config.device}: leave it out, or name another --address"
        )
    cpus = min(config.jobs or LANE, *processors)
    return Staff(workers=sum(count // cpus for count in processors), cpus=cpus, gpus=0)


def protect(
    work: Work,
    *,
    references: References | None,
    manifest: bool,
    address: str | None,
    stop: threading.Event,
    show: Show | None = None,
) -> Generator[tuple[int, Outcome], None, None]:
    """Protect photos on a cluster, or on one that is started on this machine for as long as it takes.

    Args:
        work: what is to be done.
        references: the person whom it is about.
        manifest: keep one.
        address: of a cluster; None for the environment's (RAY_ADDRESS), or one of this machine alone.
        stop: when it is set, what is being written is finished, the rest is given up.
        show: takes what the report, if the settings want one, shows of each photo, just before it is yielded.

    Yields:
        The place of each photo among all, and what became of it, in no particular order.

    Raises:
        CloakError: something that concerns all photos.
    """
    config = work.orders
    salt = prepared(work, manifest=manifest)
    output = work.output if is_url(work.output) else os.path.abspath(work.output)  # noqa: PTH100 -- resolve() follows links
    with cluster(address, config):
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
            yield from _outcomes(_dataset(work, brief, people, where), clerk, stop, show)
        finally:
            with suppress(RayError):
                call(clerk, "close")


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
        self._worker: Worker | None = None
        try:
            self._worker = Worker(
                brief.config,
                brief.references,
                brief.output,
                brief.salt,
                lambda name, *told: call(brief.clerk, name, *told),
            )
        except CloakError as error:  # raised here it would come out wrapped up by Ray
            call(brief.clerk, "give_up", str(error))

    def __call__(self, table: Any) -> dict[str, Any]:  # noqa: ANN401
        """Protect a part, and say which photos it had."""
        part = [
            Loaded(task, content.as_py(), problem.as_py())
            for text, content, problem in zip(table["task"], table["content"], table["problem"], strict=True)
            for task in unpack(text.as_py())
        ]
        if self._worker:
            self._worker.work(part)
        return {"index": np.array([each.task.index for each in part], dtype=np.int64)}


def _collected(clerk: Any, show: Show | None) -> Iterator[tuple[int, Outcome]]:  # noqa: ANN401
    for index, outcome in call(clerk, "collect").items():
        if show:
            show(index, call(clerk, "figures", index))
        yield index, outcome


def _outcomes(
    dataset: Any,  # noqa: ANN401
    clerk: Any,  # noqa: ANN401
    stop: threading.Event,
    show: Show | None,
) -> Iterator[tuple[int, Outcome]]:
    """Yield what is done until all is, or until everybody has stopped."""
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    leaving = threading.Event()

    def run() -> None:
        try:
            for _ in dataset.iter_batches(batch_size=None):
                if leaving.is_set():
                    break
        except BaseException as error:  # raised again below
            ended.put(error)
        else:
            ended.put(None)

    runner = threading.Thread(target=run, name="cloak-ray", daemon=True)
    runner.start()
    deadline: float | None = None
    while True:
        over, error = False, None
        with suppress(queue.Empty):
            error, over = ended.get(timeout=_LOOKING), True
        yield from _collected(clerk, show)
        if problem := call(clerk, "problem"):
            raise CloakError(problem)
        if isinstance(error, RayError):
            raise CloakError(f"Ray gave up: {str(error).strip().splitlines()[-1]}") from error
        if error:
            raise error
        if over:
            return
        if stop.is_set() and deadline is None:
            call(clerk, "stop")
            deadline = time.monotonic() + _PATIENCE
        elif deadline and (not call(clerk, "busy") or time.monotonic() > deadline):
            yield from _collected(clerk, show)
            leaving.set()
            runner.join(10)  # it would be at a loss when Ray is gone
            return

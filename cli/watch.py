"""`cloak watch`: protect what appears in a folder, until told to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloak.cli.protect import protect as protect_command
from cloak.errors import UsageError
from cloak.names import shown

if TYPE_CHECKING:
    from cloak.outcome import Outcome
    from cloak.watch.work import Protecting, Stripping

SHARED = ("strength", "weights", "faces", "protect", "me", "bystanders", "no_face", "device")
"""Options of `cloak protect`, with the same words here."""


@click.command(params=[option for option in protect_command.params if option.name in SHARED])
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--strip-only", is_flag=True, help="Strip what the files say about you, and cloak nothing.")
@click.option(
    "--settle",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds for which a file must not change before it is taken.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.pass_context
def watch(
    context: click.Context,
    folder: Path,
    output: Path,
    **options: Any,  # noqa: ANN401 -- checked by click
) -> None:
    """Protect the photos in FOLDER and those that appear there.

    It runs until Ctrl-C or SIGTERM; the photo in hand is finished. Started again, it goes on where it stopped. A photo
    is taken when it is complete, and again when it changes; the originals stay as they are.

    Example: cloak watch ~/Camera -o ~/Safe
    """
    if options["strip_only"] and (given := [name for name in SHARED if _is_given(context, name)]):
        raise UsageError(f"--strip-only cloaks nothing: leave out --{given[0].replace('_', '-')}")
    _run(folder, output, **options)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _run(folder: Path, output: Path, *, strip_only: bool, settle: float, quiet: bool, **options: Any) -> None:  # noqa: ANN401
    from cloak.outcome import Status  # noqa: PLC0415 -- needs PyTorch
    from cloak.watch.loop import check, watch  # noqa: PLC0415

    check(folder, output)
    with ExitStack() as stack:
        stop = stack.enter_context(_stopping())
        work = stack.enter_context(_work(folder, output, strip_only=strip_only, quiet=quiet, **options))
        if not quiet:
            click.echo(f"Watching {shown(folder)}: Ctrl-C ends it.", err=True)
        for outcome in watch(folder, work, stop=stop, output=output, settle=settle):
            if outcome.status is Status.FAILED:
                click.echo(f"failed: {shown(outcome.source)}: {outcome.reason}", err=True)
            elif outcome.status is not Status.ALREADY_DONE and not quiet:
                click.echo(_line(outcome))
    if not quiet:
        click.echo("Stopped; no file is half written.", err=True)


def _work(
    folder: Path,
    output: Path,
    *,
    strip_only: bool,
    quiet: bool,
    me: Path | None,
    **options: Any,  # noqa: ANN401
) -> "Protecting | Stripping":
    from cloak.watch.work import Protecting, Stripping  # noqa: PLC0415 -- needs PyTorch

    if strip_only:
        return Stripping(folder, output)
    from cloak.cli.known import known  # noqa: PLC0415
    from cloak.config import (  # noqa: PLC0415
        AttackConfig,
        BystanderPolicy,
        FacePolicy,
        NoFacePolicy,
        ProtectConfig,
        ProtectPolicy,
        Strength,
    )
    from cloak.models import Profile  # noqa: PLC0415

    config = ProtectConfig(
        attack=AttackConfig.preset(Strength(options["strength"])),
        weights=Profile(options["weights"]),
        faces=FacePolicy(options["faces"]),
        protect=ProtectPolicy(options["protect"]),
        bystanders=BystanderPolicy(options["bystanders"]),
        no_face=NoFacePolicy(options["no_face"]),
        device=options["device"],
    )
    return Protecting(folder, output, config, known(config, me, quiet=quiet))


def _line(outcome: "Outcome") -> str:
    faces = f": {outcome.found} face{'' if outcome.found == 1 else 's'}" if outcome.found else ""
    target = shown(outcome.target) if outcome.target else ""
    return f"{outcome.status}: {shown(outcome.source)} -> {target}{faces}"


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; the second one interrupts at once."""
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:  # noqa: ANN401 -- the interface of `signal`
        if stop.is_set():
            signal.default_int_handler(number, frame)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

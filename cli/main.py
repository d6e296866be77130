"""The `cloak` command. Each subcommand is loaded when it is asked for, so that help does not wait for PyTorch."""

import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from cloak.errors import CloakError, UsageError

COMMANDS = {
    "album": ("cloak.cli.album", "Say how the output folder of `protect` stands."),
    "bench": ("cloak.cli.bench", "Measure how many photos a second this machine protects."),
    "engine": ("cloak.cli.engine", "Search faces in local folders as a face-search company would."),
    "evaluate": ("cloak.cli.evaluate", "Measure how well cloaks protect, with recognisers that were not used."),
    "inspect": ("cloak.cli.inspect", "Say what photos would give away; nothing is changed."),
    "me": ("cloak.cli.me", "Show or forget whom `protect --protect me` protects."),
    "models": ("cloak.cli.models", "Show, fetch and check the trained networks."),
    "protect": ("cloak.cli.protect", "Cloak the faces in photos and strip what the files say about you."),
    "request": ("cloak.cli.request", "Draft a GDPR letter to a face-search company."),
    "serve": ("cloak.cli.serve", "Serve a page to drop photos on, and the same as an HTTP API."),
    "strip": ("cloak.cli.strip", "Strip what photos' files say about you; the pictures stay as they are."),
    "train": ("cloak.cli.train", "Train a network that makes cloaks in one pass."),
    "upload": ("cloak.cli.upload", "Protect photos and upload them, private by default and for a time."),
    "uploads": ("cloak.cli.uploads", "Show and delete what you uploaded."),
    "watch": ("cloak.cli.watch", "Protect the photos that appear in a folder."),
}
"""Module, in which the command has its own name, and one line of help."""

SPINS = "1000"
"""How often threads of PyTorch look for work before they sleep. By default they look for milliseconds, and where
another program uses one of two processors, a cloak takes four times as long; like this, twice. Alone, it costs a
twelfth."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's interface
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer commands without loading them: click would load each for its help, and PyTorch with some."""
        offered = [CompletionItem(name, help=text) for name, (_, text) in sorted(COMMANDS.items())]
        fitting = [item for item in offered if item.value.startswith(incomplete)]
        return [*fitting, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="photo-cloak", prog_name="cloak")
def cloak() -> None:
    """Make photos safe to post.

    Exit codes: 0 all done, 1 error or interrupted, 2 wrong usage, 3 some photos failed, 4 something
    found (inspect).

    Example: cloak protect holiday -o safe
    """


def main() -> NoReturn:
    """Run the command line and exit; every error of ours is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names may not fit the terminal
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as cleanly as on Ctrl-C
    try:
        cloak(prog_name="cloak")
    except CloakError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    sys.exit(0)


if __name__ == "__main__":
    main()

"""`cloak upload`: protect photos, and bring them to a place where few see them, for as long as wished."""

import sys
from pathlib import Path
from typing import Any

import click

from cloak.cli.cloaking import SHARED, options, refuse_without_cloaks
from cloak.cli.upload_setup import setup

CLOAKS = (*SHARED, "seed", "max_pixels")
"""Options of `cloak protect`, with the same words here."""


class _UploadCommand(click.Command):
    """Takes photos, unless the first word is ``setup``; a file of that name is ``./setup``."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 -- click's interface
    ) -> click.Context:
        if args[:1] == ["setup"]:
            return setup.make_context(f"{info_name} setup", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([("setup DEST", setup.get_short_help_str(100))])
        super().format_epilog(ctx, formatter)


@click.command(cls=_UploadCommand, params=options(CLOAKS))
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar="DEST", help="A destination that was set up, or the path of a folder.")
@click.option(
    "--expires",
    metavar="TIME",
    help="When they are to be gone: 30d, 12h, 2027-01-31 or never.  [default: that of the destination]",
)
@click.option("--private", "audience", flag_value="owner", help="For you alone.  [default: that of the destination]")
@click.option("--link", "audience", flag_value="link", help="For people who get a link, which ends with the upload.")
@click.option("--followers", "audience", flag_value="followers", help="For people whom you let follow you there.")
@click.option("--public", "audience", flag_value="public", help="For everybody. Never a default: it has to be typed.")
@click.option("--album", metavar="NAME", default="", help="Folder or album to put them in.")
@click.option("--alt", metavar="TEXT", default="", help="What the photo shows, for people who cannot see it.")
@click.option("--note", metavar="TEXT", default="", help="For you alone, in `cloak uploads list`, until it is deleted.")
@click.option("--strip-only", is_flag=True, help="Strip what the files say about you, and cloak nothing.")
@click.option("--again", is_flag=True, help="Upload once more what is there already.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, upload nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.pass_context
def upload(context: click.Context, /, **chosen: Any) -> None:  # noqa: ANN401 -- checked by click
    """Protect PATHS, scan what was made, and upload it.

    The originals stay as they are and stay here. What is uploaded has a random name, is for the fewest people that the
    destination can do, and is deleted when its time is up: that needs `cloak uploads purge` to run now and then.

    What others copied before stays copied.

    Example: cloak upload holiday --to nas --expires 30d
    """
    from cloak.cli.upload_run import run  # noqa: PLC0415 -- help needs none of this

    refuse_without_cloaks(context, CLOAKS)
    sys.exit(run(protection={name: chosen.pop(name) for name in CLOAKS}, **chosen))

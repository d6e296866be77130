"""Write the manual pages from the commands themselves: `python packaging/manual.py [FOLDER]`.

One page for `cloak` and one for each of its commands, `cloak-protect.1` and so on, below FOLDER, by default
`~/.local/share/man/man1`, where `man cloak` finds them. Needs the installed package, and not PyTorch.
"""

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click

from cloak.cli.main import cloak
from cloak.cli.upload_setup import setup

SECTION = 1


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield a command and all below it, each with a context that knows its whole name."""
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from commands(child, click.Context(child, info_name=name, parent=context))


def page(command: click.Command, context: click.Context) -> str:
    """Return a manual page in the language of man(7)."""
    name = context.command_path.replace(" ", "-")
    title, rest = paragraphs(command)
    words = [escape(word) for word in command.collect_usage_pieces(context)]
    lines = [
        f'.TH "{name.upper()}" {SECTION} "" "cloak {metadata.version("photo-cloak")}" "User commands"',
        ".SH NAME",
        f"{escape(name)} \\- {escape(title)}",
        ".SH SYNOPSIS",
        f"\\fB{escape(context.command_path)}\\fR {' '.join(words)}",
        *([".SH DESCRIPTION", *_body(rest)] if rest else []),
        *_options(command, context),
        *_below(command, context),
        *_around(context),
    ]
    return "\n".join(lines) + "\n"


def paragraphs(command: click.Command) -> tuple[str, list[str]]:
    """Return the first sentence of a command's help, without its full stop, and the other paragraphs.

    What click is told not to wrap, by a backspace above it, keeps its lines.
    """
    text = (command.help or "").partition("\f")[0].strip()
    parts = [
        part.removeprefix("\b\n") if part.startswith("\b") else " ".join(part.split()) for part in text.split("\n\n")
    ]
    return parts[0].rstrip("."), parts[1:]


def escape(text: str) -> str:
    """Return text in which nothing means anything to roff."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq").replace("^", "\\(ha")
    )
    text = text.replace("~", "\\(ti").replace('"', "\\(dq")
    return "".join(mark if mark.isascii() else f"\\[u{ord(mark):04X}]" for mark in text)


def _body(parts: list[str]) -> Iterator[str]:
    for part in parts:
        start, example, line = part.partition("Example: ")
        if example and not start:
            yield from (".SH EXAMPLE", ".nf", escape(line), ".fi")
        elif "\n" in part:
            yield from (".PP", ".nf", *map(escape, part.splitlines()), ".fi")
        else:
            yield from (".PP", escape(part))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    if records:
        yield ".SH OPTIONS"
    for option, text in records:
        yield from (".TP", f"\\fB{escape(option)}\\fR", escape(text) or "\\&")


def _below(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for child, inner in list(commands(command, context))[1:]:
            if inner.parent is context:
                yield from (".TP", f"\\fB{escape(inner.command_path)}\\fR", escape(paragraphs(child)[0]) + ".")


def _around(context: click.Context) -> Iterator[str]:
    if context.parent is not None:
        yield from (".SH SEE ALSO", f"\\fB{escape(context.parent.command_path.replace(' ', '-'))}\\fR({SECTION})")


def write(folder: Path) -> list[Path]:
    """Write all pages below a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    root = click.Context(cloak, info_name="cloak", **cloak.context_settings)
    written = []
    upload = click.Context(cloak, info_name="upload", parent=root)
    # Not a command of a group: `cloak upload` takes photos, unless the first word is `setup`.
    for command, context in [*commands(cloak, root), (setup, click.Context(setup, info_name="setup", parent=upload))]:
        path = folder / f"{context.command_path.replace(' ', '-')}.{SECTION}"
        path.write_text(page(command, context), "utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    default = Path.home() / ".local" / "share" / "man" / f"man{SECTION}"
    print(*write(Path(sys.argv[1]) if len(sys.argv) > 1 else default), sep="\n")

"""What `cloak upload` and `cloak watch` share with `cloak protect`: its options, and what is made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloak.cli.protect import protect as protect_command
from cloak.errors import UsageError

if TYPE_CHECKING:
    from cloak.config import ProtectConfig
    from cloak.references import References

SHARED = ("strength", "effort", "weights", "faces", "protect", "me", "bystanders", "no_face", "device")
"""Options of `cloak protect` that say how to cloak, by their names there."""


def options(names: tuple[str, ...] = SHARED) -> list[click.Parameter]:
    """Return options of `cloak protect`, for another command."""
    return [one for one in protect_command.params if one.name in names]


def refuse_without_cloaks(context: click.Context, names: tuple[str, ...] = SHARED) -> None:
    """Refuse options that say how to cloak beside `--strip-only`.

    Raises:
        UsageError: one was given.
    """
    given = [name for name in names if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if context.params["strip_only"] and given:
        raise UsageError(f"--strip-only cloaks nothing: leave out --{given[0].replace('_', '-')}")


def wanted(*, me: Path | None, quiet: bool, **chosen: Any) -> "tuple[ProtectConfig, References | None]":  # noqa: ANN401
    """Return the configuration behind such options, and the person whom it is about.

    Args:
        me: folder with photos of that person.
        quiet: say nothing of what was learned from them.
        chosen: the other options, by their names.

    Raises:
        CloakError: they make no sense together, or nothing is known of the person.
    """
    from cloak.cli.configured import configured  # noqa: PLC0415 -- these need PyTorch, and help must not wait for it
    from cloak.cli.known import known  # noqa: PLC0415

    config = configured(**chosen)
    return config, known(config, me, quiet=quiet)

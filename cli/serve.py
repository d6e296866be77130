"""`cloak serve`: the page and the HTTP API."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from cloak.cli.protect import CHOICES, DEFAULTS
from cloak.cli.sizes import Amount, Time
from cloak.errors import MissingExtraError, UsageError

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
TOKEN = "CLOAK_SERVE_TOKEN"  # noqa: S105 -- the name of a variable


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen at.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Open no browser, print the address only.")
@click.option("--api-only", is_flag=True, help="Leave the page out.")
@click.option(
    "--weights", type=click.Choice(["open", "research"]), default="open", show_default=True, help="Recognisers."
)
@click.option(
    "--effort",
    type=click.Choice(CHOICES["effort"]),
    default=DEFAULTS["effort"],
    show_default=True,
    help="How long to search for a cloak.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--jobs", type=click.IntRange(1), help="Processors to keep busy.  [default: all]")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A name that it is asked for under, behind a proxy.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key, PEM.")
@click.option("--max-bytes", type=Amount(), default="64M", show_default=True, help="Of one photo.")
@click.option("--max-pixels", type=Amount(), default="64M", show_default=True, help="Of one photo.")
@click.option("--max-faces", type=Amount(), default="64", show_default=True, help="Of one photo.")
@click.option("--max-seconds", type=Time(), default="600", show_default=True, help="That one photo is worked on.")
@click.option("--queue", type=Amount(), default="16", show_default=True, help="Requests and jobs that may wait.")
@click.option("--max-memory", type=Amount(), default="1G", show_default=True, help="For photos that are held.")
@click.option("--keep", type=Time(), default="30m", show_default=True, help="For how long an unused job is kept.")
@click.option("-v", "--verbose", is_flag=True, help="A line for each request; never what was sent.")
def serve(**options: Any) -> None:  # noqa: ANN401 -- checked by click
    """Serve a page to drop photos on, and the same as an HTTP API.

    Everything stays in memory, on this machine. The address that is printed holds a token: who has it may use the
    server; nobody else may. For other machines, give a certificate, or set CLOAK_SERVE_TOKEN (32 characters or more)
    and put a TLS proxy in front. It runs until Ctrl-C.

    Example: cloak serve
    """
    try:
        import fastapi  # noqa: F401, PLC0415 -- of an extra
        import uvicorn  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingExtraError("`cloak serve` and its page", "web") from error
    from cloak.web.settings import LOOPBACK, MIN_TOKEN  # noqa: PLC0415

    given = os.environ.pop(TOKEN, "")  # no process that is started from here inherits it
    secured = bool(options["tls_cert"] or options["tls_key"])
    if secured and not (options["tls_cert"] and options["tls_key"]):
        raise UsageError("TLS needs both --tls-cert and --tls-key")
    if options["host"] not in LOOPBACK and not secured and len(given) < MIN_TOKEN:
        raise UsageError(
            f"--host {options['host']} is for other machines, too: give --tls-cert and --tls-key, or set {TOKEN} to "
            f"{MIN_TOKEN} characters or more and put a TLS proxy in front"
        )
    _serve(given, secured=secured, **options)


def _serve(
    given: str,
    *,
    secured: bool,
    host: str,
    port: int,
    no_browser: bool,
    weights: str,
    effort: str,
    jobs: int | None,
    allow_host: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    verbose: bool,
    **limits: Any,  # noqa: ANN401 -- fields of the settings that are options as they are
) -> None:
    from cloak.cli.run import announce  # noqa: PLC0415 -- these need PyTorch
    from cloak.config import Effort, ProtectConfig  # noqa: PLC0415
    from cloak.models import Profile  # noqa: PLC0415
    from cloak.web.runner import Certificate, bound, run  # noqa: PLC0415
    from cloak.web.settings import LOOPBACK, Settings, new_token  # noqa: PLC0415

    certificate = Certificate(tls_cert, tls_key) if tls_cert and tls_key else None
    listener = bound(host, port)
    settings = Settings(
        token=given or new_token(),
        host=host,
        port=listener.getsockname()[1],
        tls=secured,
        hosts=frozenset(allow_host),
        weights=Profile(weights),
        effort=Effort(effort),
        processors=jobs,
        **limits,
    )
    announce(ProtectConfig(weights=settings.weights))
    if host not in LOOPBACK and not secured:
        click.echo(
            "Warning: there is no TLS: photos and the token can be read on the way. Put a TLS proxy in front.", err=True
        )
    run(settings, listener, certificate, opened=lambda address: _tell(address, browser=not no_browser), verbose=verbose)


def _tell(address: str, *, browser: bool) -> None:
    """Say where the page is, and open it where somebody sits."""
    click.echo(address)
    if browser and (os.name == "nt" or sys.platform == "darwin" or any(map(os.environ.get, _DISPLAYS))):
        import webbrowser  # noqa: PLC0415 -- starts programs when it is loaded

        webbrowser.open(address)

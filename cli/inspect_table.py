"""One photo's findings on the terminal: coloured there, plain where they are piped."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloak.inspect import HEADINGS, Finding, Harm, Inspection, document
from cloak.names import shown

_COLOURS = {
    Harm.WHERE: "bold red",
    Harm.WHEN: "bold yellow",
    Harm.DEVICE: "bold yellow",
    Harm.WHO: "bold red",
    Harm.CROPPED: "bold magenta",
    Harm.TRAVELS: "bold blue",
    Harm.NAME: "bold cyan",
    Harm.FACES: "bold red",
}
_PIPE_WIDTH = 200
_LONGEST = 240
_MOST = 12
"""Findings of one harm that are printed; the rest is counted."""


def show(inspection: Inspection, *, quiet: bool) -> None:
    """Print what was found in one photo.

    Everything goes out as `Text`: brackets in values are no markup, and control characters were taken out before.
    """
    console = Console(soft_wrap=False, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(_title(inspection), soft_wrap=True)
    if quiet:
        return
    for harm in Harm:
        if findings := inspection.of(harm):
            counts = any(finding.counts for finding in findings)
            console.print(Text(f"  {HEADINGS[harm]}", style=_COLOURS[harm] if counts else "dim"))
            console.print(_table(findings))
    for reason in inspection.unchecked:
        console.print(Text(f"  not looked for: {reason}", style="dim"), soft_wrap=True)
    if inspection.container is not None and inspection.problem:
        console.print(Text(f"  not read to its end: {inspection.problem}", style="bold red"), soft_wrap=True)
    console.print()


def _title(inspection: Inspection) -> Text:
    style = {document.FOUND: "bold red", document.UNREAD: "bold red"}.get(document.status(inspection), "green")
    return Text.assemble((shown(inspection.path), "bold"), "  ", (document.sentence(inspection), style))


def _table(findings: tuple[Finding, ...]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=True)
    table.add_column(min_width=2, max_width=2)
    table.add_column(min_width=30, max_width=34, overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    table.add_column(style="dim", max_width=26, overflow="fold")
    for finding in findings[:_MOST]:
        value = finding.value if len(finding.value) <= _LONGEST else f"{finding.value[:_LONGEST]}…"
        style = "" if finding.counts else "dim"
        warning = "bold magenta" if "LOOKS DIFFERENT" in value else style
        table.add_row("", Text(finding.what, style=style), Text(value, style=warning), Text(finding.source))
    if len(findings) > _MOST:
        table.add_row("", Text(f"… and {len(findings) - _MOST} more (--json has all)", style="dim"))
    return table

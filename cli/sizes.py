"""Amounts and times as people write them on the command line: 64M, 30m."""

import re

import click

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Amount(click.ParamType[int]):
    """A number, or one of K, M, G."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See click."""
        match = re.fullmatch(r"(\d{1,12})([kmg]?)i?b?", str(value).strip().lower())
        if not match or not int(match[1]):
            self.fail(f"{value!r} is no amount above 0: write 500K, 64M or 1G", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


class Time(click.ParamType[float]):
    """A time in seconds, minutes, hours or days."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click."""
        match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd]?)", str(value).strip().lower())
        if not match or not float(match[1]):
            self.fail(f"{value!r} is no time above 0: write 90s, 30m or 2h", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]

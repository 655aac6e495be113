"""`proofdesk limit`: every limit in force, what is left of it, and what will be free again when."""

from __future__ import annotations

from typing import Any, Final

import typer

from commands.cli import profile
from commands.cli.output import answering, print_json, table, when

_DAY_SECONDS: Final = 86_400
_HOUR_SECONDS: Final = 3_600

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_limits(url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Print every limit in force, what is left of it, and when the next part of it is free."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/limits")["limits"]
    if as_json:
        print_json(found)
    else:
        table(("limit", "whose", "window", "cap", "reserved", "posted", "left", "frees next"), [_row(each) for each in found])


def _row(limit: dict[str, Any]) -> tuple[object, ...]:
    counts = limit["measure"] == "count"
    unit = "count" if counts else "usd"
    amounts = [limit[f"{name}_{unit}"] for name in ("cap", "reserved", "posted", "headroom")]
    if limit["kind"] == "per-transaction":
        amounts[1:] = ["", "", ""]
    freed = limit["frees"][0] if limit["frees"] else None
    frees = "" if freed is None else f"{freed['count' if counts else 'amount_usd']} at {when(freed['at'])}"
    return limit["limit_id"], limit["scope_key"], _window(limit), *amounts, frees


def _window(limit: dict[str, Any]) -> str:
    match limit["kind"]:
        case "rolling":
            seconds = limit["window_seconds"]
            for length, name in ((_DAY_SECONDS, "d"), (_HOUR_SECONDS, "h")):
                if seconds % length == 0:
                    return f"{seconds // length} {name}"
            return f"{seconds} s"
        case "calendar-day" | "calendar-month" as kind:
            return f"{kind.removeprefix('calendar-')}, {limit['zone']}"
    return "each"

"""Prints tables for people and JSON for programs, explains refusals, and maps outcomes to exit statuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.answers import PROBLEM_TYPE_PREFIX, FieldFault, Problem
from commands.client import ApprovalMismatch, CommandRefused, NotDecidedYet, SystemFault
from commands.intake.faults import faults_of
from schemas.events.base import Refusal

EXIT_FAULT: Final = 1
EXIT_REFUSED: Final = 3
OWN_CHECK_STATUS: Final = 422
"""In a problem that was found here, before anything was sent."""

PIPED_COLUMNS: Final = 240
"""The width of a line when the output is no terminal."""

stdout: Final = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_COLUMNS)
stderr: Final = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_COLUMNS)


def plain(text: str) -> str:
    """Make untrusted text safe for a terminal: no markup, no control characters, no change of direction.

    A key's reason and a cosigner's refusal are shown to approvers. Unprintable characters are shown as escapes.
    """
    return escape("".join(each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text))


@contextmanager
def answering(*, as_json: bool) -> Iterator[None]:
    """Turn the client's exceptions into messages and an exit status."""
    try:
        yield
    except CommandRefused as refused:
        _refuse(refused.problem, as_json=as_json)
    except ApprovalMismatch as mismatch:
        _refuse(_own("approval-mismatch", str(mismatch), "look at the order as it stands"), as_json=as_json)
    except ValidationError as error:
        _refuse(_malformed(error), as_json=as_json)
    except NotDecidedYet as pending:
        if as_json:
            print_json(pending.pending.model_dump(mode="json"))
        _fail(str(pending))
    except SystemFault as fault:
        _fail(str(fault))


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print one value a line; leave out empty ones."""
    table = Table.grid(padding=(0, 2))
    for name, value in pairs:
        if value not in (None, "", (), []):
            table.add_row(f"[bold]{name}[/bold]", plain(str(value)))
    stdout.print(table)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows under columns."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for at, column in enumerate(columns):
        shown.add_column(column, overflow="fold", no_wrap=at == 0)  # an id that is cut names nothing
    for row in rows:
        shown.add_row(*(plain("" if cell is None else str(cell)) for cell in row))
    stdout.print(shown)


def refused(refusals: Iterable[Refusal]) -> NoReturn:
    """Print every refusing check with its remedy; exit as refused."""
    for refusal in refusals:
        stderr.print(f"[red]{plain(refusal.check)}[/red]: {plain(refusal.message)}; {plain(refusal.remedy)}")
    raise typer.Exit(EXIT_REFUSED)


def when(instant: int | None) -> str:
    """Microseconds since the Unix epoch as UTC."""
    return "" if instant is None else datetime.fromtimestamp(instant // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _refuse(problem: Problem, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json(problem.model_dump(mode="json", exclude_none=True))
    stderr.print(f"[red]refused[/red] ({plain(problem.check)}): {plain(problem.detail)}")
    for fault in problem.errors:
        stderr.print(f"  {plain(fault.field)}: {plain(fault.message)}")
    raise typer.Exit(EXIT_REFUSED)


def _fail(message: str) -> NoReturn:
    stderr.print(f"[red]failed[/red]: {plain(message)}")
    raise typer.Exit(EXIT_FAULT)


def _malformed(error: ValidationError) -> Problem:
    faults = tuple(faults_of(error.errors(include_url=False, include_input=False)))
    return _own("request-malformed", "what is asked for is malformed", "correct the fields that are named", faults)


def _own(check: str, message: str, remedy: str, errors: tuple[FieldFault, ...] = ()) -> Problem:
    return Problem(
        type=PROBLEM_TYPE_PREFIX + check,
        title="Refused before sending",
        status=OWN_CHECK_STATUS,
        detail=f"{message}; {remedy}",
        errors=errors,
        check=check,
        remedy=remedy,
    )

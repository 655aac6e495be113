"""Files that are given to a command: read up to a bound, as JSON of one meaning or as text. `-` is stdin.

Raises typer.BadParameter, so that a file that is not there, too large or malformed is a usage error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from commands.intake import strict_json


def content(file: str, bytes_max: int) -> bytes:
    """The file's bytes."""
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            found = source.read(bytes_max + 1)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from None
    if len(found) > bytes_max:
        raise typer.BadParameter(f"{file} is over {bytes_max} bytes", param_hint="FILE")
    return found


def json_in(file: str, found: bytes) -> Any:
    """The value of the bytes that were found in `file`."""
    try:
        return strict_json.parse(found)
    except strict_json.NotStrictJson as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="FILE") from None


def text_in(file: str, found: bytes) -> str:
    """The text of the bytes that were found in `file`."""
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file}: is not UTF-8 at byte {error.start}", param_hint="FILE") from None

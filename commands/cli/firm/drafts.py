"""A policy that could be proposed, from a file: what it leaves out is as in force. And how two policies differ.

A JSON file holds any of `cedar`, `cedar_schema`, `limits`, `settings`, as `proofdesk policy show --json` prints them; any other
file is policies in the Cedar language.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Final

import typer

from commands.cli import files
from commands.client import PolicyDraft, ProofdeskClient

FILE_BYTES_MAX: Final = 800_000
PARTS: Final = ("cedar", "cedar_schema", "limits", "settings")


def draft_of(file: str, client: ProofdeskClient) -> PolicyDraft:
    """Return the draft in a file. Raises typer.BadParameter, pydantic.ValidationError, and the errors of reading."""
    found = files.content(file, FILE_BYTES_MAX)
    changes = (
        files.json_in(file, found)
        if file.endswith(".json") or found.lstrip().startswith(b"{")
        else {"cedar": files.text_in(file, found)}
    )
    if not isinstance(changes, dict) or not changes.keys() & set(PARTS):
        raise typer.BadParameter(f"{file}: holds none of {', '.join(PARTS)}", param_hint="FILE")
    in_force = client.policy_in_force().model_dump(mode="json")
    return PolicyDraft.model_validate({**in_force, **{part: changes[part] for part in PARTS if part in changes}})


def difference(before: PolicyDraft, after: PolicyDraft) -> Iterator[str]:
    """The lines in which they differ, as `diff -u` writes them."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    for part in PARTS:
        yield from difflib.unified_diff(
            _lines(old[part]), _lines(new[part]), f"{part} in force", f"{part} proposed", lineterm=""
        )


def _lines(content: object) -> list[str]:
    text = content if isinstance(content, str) else json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    return text.splitlines()

"""Prints governance's answer: a tripped breaker, or the proposal after a command."""

from __future__ import annotations

from typing import Final

import typer

from commands.answers import FirmAnswer
from commands.cli.output import EXIT_REFUSED, fields, print_json, when

OUTDATED: Final = "outdated"
"""The end of a proposal that a quorum agreed to and that can no longer be put in force."""


def answered(answer: FirmAnswer, *, as_json: bool) -> None:
    """Print the answer; exit as refused if the approved change did not come into force."""
    if as_json:
        print_json(answer.model_dump(mode="json", exclude_none=True))
    else:
        fields(
            [
                ("breaker", f"{answer.scope} {answer.subject}: {answer.breaker}" if answer.scope else ""),
                ("key", f"{answer.operation} {answer.key_id}" if answer.key_id else ""),
                ("proposal", answer.proposal_id),
                ("state", answer.state),
                ("needs", ", ".join(answer.requires)),
                ("until", "" if answer.expires_at is None else when(answer.expires_at)),
                ("proposal hash", answer.proposal_hash),
                ("policy hash", answer.policy_hash),
                ("because", answer.message),
            ]
        )
    if answer.state == OUTDATED:
        raise typer.Exit(EXIT_REFUSED)

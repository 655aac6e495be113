"""Defines the errors that a command's sender sees."""

from __future__ import annotations

from commands.answers import PendingAnswer, Problem


class CommandRefused(Exception):
    """The command was refused; sending it again is refused again. `problem` gives the reason and the remedy."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class SystemFault(Exception):
    """A service is unreachable, so nothing was decided. Sending the same again under the same key is safe."""


class NotDecidedYet(SystemFault):
    """The command is on the log, and no answer came within the time."""

    def __init__(self, pending: PendingAnswer) -> None:
        seen = pending.order_id or pending.proposal_id
        about = f"; see {seen}" if seen else ""
        super().__init__(f"command {pending.command_id} is on the log and was not decided in time{about}")
        self.pending = pending


class ApprovalMismatch(Exception):
    """The approval hash is not the hash of the content that the server shows: nothing was signed."""

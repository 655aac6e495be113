"""Turns HTTP requests to governance into commands. Headers as in `commands.intake.requests`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from schemas.commands import Authorization
from schemas.firm import Access, BreakerScope, BreakerState, Limit, Settings, Subject
from schemas.firm_commands import (
    POLICY_CHARACTERS_MAX,
    ApproveProposal,
    DeclineProposal,
    FirmCommand,
    ProposeAccess,
    ProposeKey,
    ProposePolicy,
    ProposeReset,
    ReportKey,
    TripBreaker,
    WithdrawProposal,
)
from schemas.keys import KeyChange
from schemas.values import TEXT_CHARACTERS_MAX, Record, Sha256, Text, Uuid

PolicyText = Annotated[str, Field(max_length=POLICY_CHARACTERS_MAX)]


class FirmRequest(Record):
    """Holds the fields of every request."""

    authorization: Authorization


class Trip(FirmRequest):
    """Stop something at once."""

    scope: BreakerScope
    subject: Subject
    state: BreakerState
    reason: Text

    def body(self) -> TripBreaker:
        """The command's body."""
        return TripBreaker(scope=self.scope, subject=self.subject, state=self.state, reason=self.reason)


class Reset(FirmRequest):
    """Propose to reset a breaker."""

    scope: BreakerScope
    subject: Subject
    reason: Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)]

    def body(self) -> ProposeReset:
        """The command's body."""
        return ProposeReset(scope=self.scope, subject=self.subject, reason=self.reason)


class ChangePolicy(FirmRequest):
    """Propose policies, limits and settings, whole."""

    cedar: PolicyText
    cedar_schema: PolicyText
    limits: list[Limit]
    settings: Settings
    reason: Text

    def body(self) -> ProposePolicy:
        """The command's body."""
        return ProposePolicy(
            cedar=self.cedar,
            cedar_schema=self.cedar_schema,
            limits=self.limits,
            settings=self.settings,
            reason=self.reason,
        )


class ChangeAccess(FirmRequest):
    """Propose the rights of a person or a system, whole."""

    access: Access
    reason: Text

    def body(self) -> ProposeAccess:
        """The command's body."""
        return ProposeAccess(access=self.access, reason=self.reason)


class ChangeKey(FirmRequest):
    """Propose to make, use, change or destroy a key."""

    change: KeyChange
    reason: Text

    def body(self) -> ProposeKey:
        """The command's body."""
        return ProposeKey(change=self.change, reason=self.reason)


class Agree(FirmRequest):
    """Agree to the content with the hash `proposal_hash`, and to nothing else."""

    proposal_hash: Sha256

    def body(self, proposal_id: Uuid) -> ApproveProposal:
        """The command's body."""
        return ApproveProposal(proposal_id=proposal_id, proposal_hash=self.proposal_hash)


class Disagree(FirmRequest):
    """Say no to a proposal; it is closed."""

    reason: Text

    def body(self, proposal_id: Uuid) -> DeclineProposal:
        """The command's body."""
        return DeclineProposal(proposal_id=proposal_id, reason=self.reason)


class TakeBack(FirmRequest):
    """Take back one's own proposal."""

    reason: Text = ""

    def body(self, proposal_id: Uuid) -> WithdrawProposal:
        """The command's body."""
        return WithdrawProposal(proposal_id=proposal_id, reason=self.reason)


Change = Trip | Reset | ChangePolicy | ChangeAccess | ChangeKey
AboutProposal = Agree | Disagree | TakeBack

_PATH_OF_CHANGE: Final = {
    "trip_breaker": "/v1/breakers",
    "propose_reset": "/v1/breakers/reset",
    "propose_policy": "/v1/policies",
    "propose_access": "/v1/access",
    "propose_key": "/v1/keys",
}
_PATH_OF_WORD: Final = {
    "approve_proposal": "approvals",
    "decline_proposal": "decline",
    "withdraw_proposal": "withdraw",
}


def content_of(command: FirmCommand) -> dict[str, Any]:
    """The JSON body of the request that sends `command`: the client's side of the classes above."""
    return {
        **command.body.model_dump(mode="json", exclude={"kind", "proposal_id"}),
        "authorization": command.authorization.model_dump(mode="json"),
    }


def path_of(command: FirmCommand) -> str:
    """Return the path that the request is posted to.

    Raises:
        TypeError: a key report has no route; key backends report straight onto the log.
    """
    body = command.body
    if isinstance(body, ReportKey):
        raise TypeError("what became of an order about a key is reported on the log, not over HTTP")
    if isinstance(body, ApproveProposal | DeclineProposal | WithdrawProposal):
        return f"/v1/proposals/{body.proposal_id}/{_PATH_OF_WORD[body.kind]}"
    return _PATH_OF_CHANGE[body.kind]

"""Everything that the door refuses, as one exception that becomes a problem (RFC 9457) and an event.

Left out: what the desk and governance refuse. Their rejections keep their own words; here is only which status they have in
HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from starlette.exceptions import HTTPException

from commands.answers import PROBLEM_TYPE_PREFIX, FieldFault, Problem
from schemas.events.answers import CommandRejected
from schemas.events.base import Refusal
from schemas.events.governance import FirmCommandRejected
from schemas.values import TEXT_CHARACTERS_MAX
from streams.rules.refusals import base as rules
from streams.rules.refusals import governance, orders

RETRY_AFTER_SECONDS: Final = 2
CHALLENGE: Final = "Proofdesk-Signature"
"""The scheme in WWW-Authenticate (RFC 9110, section 11.6.1): a signature in the body."""

_CLASSES_OF_STATUS: Final[Mapping[int, tuple[type[rules.Refused], ...]]] = MappingProxyType(
    {
        401: (
            rules.PrincipalUnknown,
            rules.KeyUnknown,
            rules.SignatureWrong,
            rules.AssertionWrong,
            rules.CounterNotRisen,
        ),
        403: (
            rules.PrincipalRevoked,
            orders.DeskNotEntitled,
            rules.PersonNeeded,
            orders.InitiatorApproves,
            orders.RoleNotAsked,
            orders.NotYours,
            governance.NotYourProposal,
            governance.ProposerDecides,
            governance.SubjectDecides,
            governance.NotAtOnce,
            governance.PolicyRefuses,
        ),
        404: (
            orders.OrderUnknown,
            governance.ProposalUnknown,
        ),
        409: (
            rules.IdempotencyConflict,
            orders.OrderElsewhere,
            orders.OrderNotWaiting,
            orders.OrderExpired,
            orders.ApprovedAlready,
            orders.ApprovalOfOther,
            orders.ApprovalOutdated,
            orders.ApprovalNotGiven,
            orders.CancelledAlready,
            governance.BreakerTrippedAlready,
            governance.BreakerNotTripped,
            governance.NothingChanges,
            governance.ProposalEnded,
            governance.ProposalExpired,
            governance.ProposalsTooMany,
        ),
    }
)
_STATUS_OF_CHECK: Final = MappingProxyType(
    {each.check: status for status, refusals in _CLASSES_OF_STATUS.items() for each in refusals}
)
MALFORMED: Final = 422
"""The status of every other check: the request cannot be carried out as it stands."""


class Refused(HTTPException):
    """Refuses a request. `check` is stable over versions; `remedy` names a change that would alter the outcome."""

    def __init__(  # noqa: PLR0913 - what a problem is made of
        self,
        status: int,
        check: str,
        message: str,
        remedy: str,
        *,
        errors: Sequence[FieldFault] = (),
        rejected: CommandRejected | FirmCommandRejected | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        standard = {401: {"WWW-Authenticate": CHALLENGE}, 503: {"Retry-After": str(RETRY_AFTER_SECONDS)}}.get(status, {})
        super().__init__(status, message, {**standard, **(headers or {})})
        self.check = check
        self.message = message
        self.remedy = remedy
        self.errors = tuple(errors)
        self.rejected = rejected

    def problem(self) -> Problem:
        """Return the refusal as the problem that is sent."""
        return Problem(
            type=PROBLEM_TYPE_PREFIX + self.check,
            title=HTTPStatus(self.status_code).phrase,
            status=self.status_code,
            detail=f"{self.message}; {self.remedy}",
            errors=self.errors,
            check=self.check,
            remedy=self.remedy,
            command_id=None if self.rejected is None else self.rejected.command_id,
            order_id=self.rejected.order_id if isinstance(self.rejected, CommandRejected) else None,
            proposal_id=self.rejected.proposal_id if isinstance(self.rejected, FirmCommandRejected) else None,
        )

    def record(self) -> Refusal:
        """Return the refusal as it stands in an event. The message includes the faults of fields."""
        faults = "; ".join(f"{fault.field}: {fault.message}" for fault in self.errors)
        message = f"{self.message}: {faults}" if faults else self.message
        return Refusal(check=self.check, message=message[:TEXT_CHARACTERS_MAX], remedy=self.remedy[:TEXT_CHARACTERS_MAX])


def malformed(errors: Sequence[FieldFault]) -> Refused:
    """Refuse a request with wrong fields."""
    return Refused(MALFORMED, "request-malformed", "the request is malformed", "correct what `errors` names", errors=errors)


def refused(refusal: rules.Refused) -> Refused:
    """Translate a refusal of the rules, before the log, into HTTP."""
    record = refusal.record()
    return Refused(_STATUS_OF_CHECK.get(record.check, MALFORMED), record.check, record.message, record.remedy)


def rejection(rejected: CommandRejected | FirmCommandRejected) -> Refused:
    """Translate a refusal of the desk or of governance into HTTP."""
    refusal = rejected.refusal
    status = _STATUS_OF_CHECK.get(refusal.check, MALFORMED)
    return Refused(status, refusal.check, refusal.message, refusal.remedy, rejected=rejected)

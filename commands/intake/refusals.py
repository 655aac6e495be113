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

RETRY_AFTER_SECONDS: Final = 2
CHALLENGE: Final = "Proofdesk-Signature"
"""What WWW-Authenticate asks for (RFC 9110, section 11.6.1): a signature in the body."""

_STATUS_OF_CHECK: Final = MappingProxyType(
    {
        "principal-unknown": 401,
        "key-unknown": 401,
        "signature-wrong": 401,
        "assertion-wrong": 401,
        "counter-not-risen": 401,
        "principal-revoked": 403,
        "desk-not-entitled": 403,
        "person-needed": 403,
        "initiator-approves": 403,
        "role-not-asked": 403,
        "not-your-order": 403,
        "not-your-proposal": 403,
        "proposer-decides": 403,
        "subject-decides": 403,
        "not-at-once": 403,
        "policy-refuses": 403,
        "order-unknown": 404,
        "proposal-unknown": 404,
        "idempotency-conflict": 409,
        "order-handed-over": 409,
        "order-not-waiting": 409,
        "order-expired": 409,
        "approved-already": 409,
        "approval-of-other": 409,
        "approval-outdated": 409,
        "approval-not-given": 409,
        "cancelled-already": 409,
        "breaker-tripped-already": 409,
        "breaker-not-tripped": 409,
        "nothing-changes": 409,
        "proposal-closed": 409,
        "proposal-expired": 409,
        "proposals-too-many": 409,
    }
)
MALFORMED: Final = 422
"""Of every other check of theirs: what was asked for cannot be done as it was asked."""


class Refused(HTTPException):
    """A request that comes to nothing. `check` is stable over versions; `remedy` says what would change the outcome."""

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
        """The same, as it is sent."""
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
        """The same, as it stands in an event. Faults of fields are part of its message."""
        faults = "; ".join(f"{fault.field}: {fault.message}" for fault in self.errors)
        message = f"{self.message}: {faults}" if faults else self.message
        return Refusal(check=self.check, message=message[:TEXT_CHARACTERS_MAX], remedy=self.remedy[:TEXT_CHARACTERS_MAX])


def malformed(errors: Sequence[FieldFault]) -> Refused:
    """A request whose fields are wrong."""
    return Refused(MALFORMED, "request-malformed", "the request is malformed", "correct what `errors` names", errors=errors)


def rejection(rejected: CommandRejected | FirmCommandRejected) -> Refused:
    """What the desk or governance refused, in HTTP."""
    refusal = rejected.refusal
    status = _STATUS_OF_CHECK.get(refusal.check, MALFORMED)
    return Refused(status, refusal.check, refusal.message, refusal.remedy, rejected=rejected)

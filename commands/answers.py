"""Defines the gateway's answers, which the client reads. Field names and states are those of the read side.

US dollars are strings with six decimals, instants microseconds since the Unix epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from schemas.events.base import Refusal
from schemas.events.facts import Facts, RuleFinding, Unmet
from schemas.firm import BreakerScope, BreakerState, Subject
from schemas.keys import KeyId, KeyOperation
from schemas.orders import Action, ApprovalSubject
from schemas.values import CommandId, DeskId, Instant, OrderId, Record, Sha256, Usd, Uuid

if TYPE_CHECKING:  # the command line starts without the rules
    from streams.rules.orders.lifecycle import State

AWAITING_APPROVAL: Final[State] = "awaiting-approval"
PROBLEM_TYPE_PREFIX: Final = "urn:proofdesk:problem:"


class FieldFault(Record):
    """One thing that is wrong with a request."""

    field: str
    """Where: `action.amount` in the body, `header Idempotency-Key`, `query limit`."""
    message: str


class Problem(Record):
    """Explains a refused request (RFC 9457), with a remedy."""

    type: str
    """`urn:proofdesk:problem:` and the name of the check that refused, stable over versions."""
    title: str
    status: int
    detail: str
    """The fault and its remedy."""
    errors: tuple[FieldFault, ...] = ()
    check: str
    remedy: str
    """A change that would alter the outcome."""
    command_id: CommandId | None = None
    order_id: OrderId | None = None
    proposal_id: Uuid | None = None


class OrderAnswer(Record):
    """An order as a command has left it, without untouched fields; `GET /v1/orders/{order_id}` shows all."""

    order_id: OrderId
    desk_id: DeskId
    command_id: CommandId
    """The command that is answered."""
    state: str
    """`approved` (handed to execution), `awaiting-approval`, or why it was closed: `rejected`, `declined`, `cancelled` …;
    `approval-withdrawn` and `cancellation-requested`: what was asked for is on the log, for the signer too."""
    message: str = ""
    """Why it was closed."""
    wallet_id: str | None = None
    initiator: str | None = None
    action: Action | None = None
    memo: str | None = None
    parent_order_id: OrderId | None = None
    amount_usd: Usd | None = None
    outcome: Literal["allowed", "needs-approval", "refused"] | None = None
    """The policy's outcome."""
    requires: tuple[str, ...] = ()
    """Quorums still to be met, such as `risk-officer:1`."""
    unmet: tuple[Unmet, ...] = ()
    """The approvals missing from each quorum, and the principals that could give them."""
    rules: tuple[RuleFinding, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    approval_hash: Sha256 | None = None
    """An approver signs this hash: the WebAuthn challenge, in hex."""
    approval_subject: ApprovalSubject | None = None
    expires_at: Instant | None = None
    children: tuple[OrderAnswer, ...] = ()
    """The parts of an order that was split, each judged on its own."""


class TrialAnswer(Record):
    """Predicts the decision on an order that was not placed. Nothing is reserved."""

    desk_id: DeskId
    command_id: CommandId
    outcome: Literal["allowed", "needs-approval", "refused"]
    amount_usd: Usd | None = None
    requires: tuple[str, ...] = ()
    """Quorums that it would take."""
    unmet: tuple[Unmet, ...] = ()
    """The approvals missing from each quorum, and the principals that could give them."""
    rules: tuple[RuleFinding, ...] = ()
    """Every rule that mattered."""
    refusals: tuple[Refusal, ...] = ()
    """Every check that would refuse, with its remedy."""
    facts: Facts | None = None
    """The limits, prices and breakers that it was judged on. None when it could not be valued at all."""


class FirmAnswer(Record):
    """Reports the result of a command to governance."""

    command_id: CommandId
    """The command that is answered."""
    state: str
    """`tripped`, of a breaker; of a proposal `awaiting-approval`, `enacted`, or why it was closed: `declined`, `withdrawn` …"""
    message: str = ""
    proposal_id: Uuid | None = None
    proposal_hash: Sha256 | None = None
    """An approver signs this hash: the WebAuthn challenge, in hex."""
    requires: tuple[str, ...] = ()
    """Quorums still to be met."""
    expires_at: Instant | None = None
    policy_hash: Sha256 | None = None
    """Of the policy as it would be activated."""
    scope: BreakerScope | None = None
    subject: Subject | None = None
    breaker: BreakerState | None = None
    key_id: KeyId | None = None
    operation: KeyOperation | None = None
    """The operation proposed for the key."""


class PendingAnswer(Record):
    """The command is on the log, and no answer has come yet. Sending the same again under the same key is safe."""

    command_id: CommandId
    order_id: OrderId | None = None
    desk_id: DeskId | None = None
    proposal_id: Uuid | None = None
    state: Literal["pending"] = "pending"
    message: str = "taken in; what it leads to appears at Location once it was decided"


Answer = OrderAnswer | TrialAnswer | FirmAnswer
"""The answer to a command that was decided and not rejected."""

"""Verifies commands and approvals again from their bytes.

Keys come from governance's access events, which derive from the genesis document that the pinned root key signed; signatures
and assertions are verified by the desk's own `authenticate`. Sources: RFC 8032 (Ed25519), WebAuthn Level 3 section 7.2,
architecture rules 9 and 10. Left out: counters, which the desk checks. A replayed approval is of the same subject by the same
person, and a person counts once.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from infra.proofs import base64url
from schemas.canonical import approval_digest, child_order_id, command_digest, order_id
from schemas.commands import Command, GiveApproval, InitiateOrder, SplitOrder
from schemas.events.governance import PolicyActivated
from schemas.events.lifecycle import ApprovalGiven, OrderInitiated
from schemas.orders import ApprovalSubject, Order
from schemas.values import MICROS_PER_SECOND, Instant
from streams.rules.access.desk_rights import authenticate
from streams.rules.access.freshness import COMMAND_SKEW_SECONDS_MAX, age_seconds_max
from streams.rules.access.sender import Given
from streams.rules.actions.effect import exact_sum
from streams.rules.evidence.dossier import Split
from streams.rules.firm.view import Governance

COUNTERS_UNKNOWN: Final[dict[str, int]] = {}


class Unproven(Exception):
    """A claim on the log could not be derived again. Nothing is signed."""


class Overtaken(Unproven):
    """A correct decision no longer holds. Nothing is signed."""

    def __init__(self, reason: str, remedy: str) -> None:
        """`remedy`: the action that would change the outcome."""
        super().__init__(reason)
        self.remedy = remedy


def check_initiation(
    initiated: OrderInitiated, splits: tuple[Split, ...], governance: Governance, policy: PolicyActivated
) -> None:
    """Check that the initiator signed exactly this order; or the split that made it, and the order that was split.

    Raises:
        Unproven, Refused: the signature, or the split, does not cover this order.
    """
    order, command = initiated.order, initiated.command
    if (command.principal, command.desk_id) != (order.initiator, order.desk_id):
        raise Unproven("the command's sender or desk is not the order's")
    _check_age(command, initiated.decided_at, policy)
    authenticate(command, command_digest(command), governance, policy.settings, COUNTERS_UNKNOWN)
    if order.parent_order_id is None:
        _check_whole(order, command)
    elif not splits:
        raise Unproven("the order is a part of another, but that one was never split")
    else:
        _check_part(order, command, splits[0])
        check_initiation(splits[0].initiated, splits[1:], governance, policy)


def given_of(given: ApprovalGiven) -> Given:
    """Return a checked approval in the form that is counted."""
    return Given(given.approver, given.assertion.credential_id, given.roles)


def is_same_touch(one: ApprovalGiven, other: ApprovalGiven) -> bool:
    """Return True if both approvals come from one touch of one key, though the desk recorded them twice.

    Anybody can turn an ECDSA signature (r, s) into another valid one, (r, n - s); only the key makes another r. Signatures
    without an r are not compared by it: an Ed25519 key gives the same signature for the same message.
    """
    first, second = one.assertion, other.assertion
    said = (first.credential_id, first.authenticator_data, first.client_data_json)
    if (one.approver, *said) != (other.approver, second.credential_id, second.authenticator_data, second.client_data_json):
        return False
    try:
        r, again = (decode_dss_signature(base64url.decode(each.signature))[0] for each in (first, second))
    except ValueError:
        return True
    return r == again


def check_approval(given: ApprovalGiven, subject: ApprovalSubject, governance: Governance, policy: PolicyActivated) -> None:
    """Check that a person other than the initiator signed the hash of exactly `subject` with their own key.

    Raises:
        Unproven, Refused: the approval is of another subject, or its approver may not give it.
    """
    command, body, digest = given.command, given.command.body, approval_digest(subject)
    asked, hashed = (subject.order.order_id, digest.hex()), given.approval_hash
    if not isinstance(body, GiveApproval) or (body.order_id, body.approval_hash) != asked or hashed != digest.hex():
        raise Unproven(f"the approval of {given.approver} is of another order, effect, policy or reservation")
    if (command.principal, command.desk_id, command.authorization) != (
        given.approver,
        subject.order.desk_id,
        given.assertion,
    ):
        raise Unproven(f"the approval of {given.approver} is not what its command says")
    sender = authenticate(command, digest, governance, policy.settings, COUNTERS_UNKNOWN)
    if not sender.is_person or given.approver == subject.order.initiator:
        raise Unproven(f"{given.approver} cannot approve this order")


def _check_age(command: Command, at: Instant, policy: PolicyActivated) -> None:
    """Check the command's age: the id of an older command may be forgotten, so it could be answered twice."""
    age_max = age_seconds_max(policy.settings)
    if not -COMMAND_SKEW_SECONDS_MAX * MICROS_PER_SECOND <= at - command.issued_at <= age_max * MICROS_PER_SECOND:
        raise Unproven(f"the command was issued too long before it was taken in, or after: more than {age_max} s")


def _check_whole(order: Order, command: Command) -> None:
    body = command.body
    if not isinstance(body, InitiateOrder) or order != Order(
        order_id=order_id(command.desk_id, command_digest(command)),
        desk_id=command.desk_id,
        wallet_id=body.wallet_id,
        initiator=command.principal,
        action=body.action,
        memo=body.memo,
    ):
        raise Unproven("the order is not what its command asked for")


def _check_part(order: Order, command: Command, split: Split) -> None:
    body, whole = command.body, split.initiated.order
    if not isinstance(body, SplitOrder) or body.order_id != whole.order_id or command != split.closed.command:
        raise Unproven("the order is a part of another, but this command did not split that one")
    if exact_sum(body.amounts) != whole.action.amount:
        raise Unproven("the parts do not add up to the order that was split")
    parts = {child_order_id(body.order_id, index): amount for index, amount in enumerate(body.amounts)}
    if order.order_id not in parts or order.order_id not in split.closed.child_order_ids:
        raise Unproven("the order is none of the parts that its initiator asked for")
    action = whole.action.model_copy(update={"amount": parts[order.order_id]})
    if order != whole.model_copy(update={"order_id": order.order_id, "parent_order_id": whole.order_id, "action": action}):
        raise Unproven("the part differs from the whole in more than the amount")

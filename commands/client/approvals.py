"""Reads the content of an approval, of orders and of proposals, from the server and hashes it again here.

A hash that does not fit is never signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from commands.answers import OrderAnswer
from commands.client.errors import ApprovalMismatch
from commands.client.shapes import ShownOrder, ShownProposal
from schemas.canonical import approval_digest, proposal_digest
from schemas.orders import ApprovalSubject
from schemas.values import DeskId, OrderId, Sha256, Uuid

OPEN: Final = "awaiting-approval"


@dataclass(frozen=True, slots=True)
class WantedApproval:
    """An approval that an order waits for."""

    order_id: OrderId
    desk_id: DeskId
    subject: ApprovalSubject
    approval_hash: Sha256


def wanted(order: ShownOrder | OrderAnswer) -> WantedApproval:
    """The approval that `order` waits for.

    Raises:
        ApprovalMismatch: it waits for no approval, or its hash is not that of the shown content.
    """
    subject, shown_hash = order.approval_subject, order.approval_hash
    if subject is None or shown_hash is None:
        raise ApprovalMismatch(f"order {order.order_id} waits for no approval: it is {order.state}")
    computed = approval_digest(subject).hex()
    about = (subject.order.order_id, subject.order.desk_id)
    if computed != shown_hash or about != (order.order_id, order.desk_id):
        raise ApprovalMismatch(
            f"order {order.order_id}: what is shown has the hash {computed}, the server asks to sign {shown_hash}; "
            "sign nothing, and report it"
        )
    return WantedApproval(order.order_id, order.desk_id, subject, computed)


@dataclass(frozen=True, slots=True)
class WantedAgreement:
    """A proposal that waits for approvals."""

    proposal_id: Uuid
    proposal_hash: Sha256


def wanted_agreement(proposal: ShownProposal) -> WantedAgreement:
    """Return the statement that an approver of `proposal` signs.

    Raises:
        ApprovalMismatch: it waits for no approval, or its hash is not that of the shown content.
    """
    if proposal.state != OPEN:
        raise ApprovalMismatch(f"proposal {proposal.proposal_id} waits for no approval: it is {proposal.state}")
    computed = proposal_digest(proposal.proposal_id, proposal.proposer, proposal.change).hex()
    if computed != proposal.proposal_hash:
        raise ApprovalMismatch(
            f"proposal {proposal.proposal_id}: what is shown has the hash {computed}, the server asks to sign "
            f"{proposal.proposal_hash}; sign nothing, and report it"
        )
    return WantedAgreement(proposal.proposal_id, computed)

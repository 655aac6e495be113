"""Selects the approvals of an order that still count, and judges the order with them (architecture, rule 9).

An approval counts while its approver may act on the desk, has the key that signed it, and has one of the roles that they
approved in; it counts in those roles only. It signs one hash, which is compared with that of the order as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from schemas.canonical import approval_digest
from schemas.events.facts import ApprovalFact
from schemas.orders import ApprovalSubject, Order
from schemas.values import Instant, Sha256
from streams.rules.access.sender import Given
from streams.rules.firm.view import Governance
from streams.rules.limits.ledger import Adjustment, amounts
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.judging.judgement import Judgement, judge
from streams.rules.orders.state import DeskState, OpenOrder


def standing(given: Iterable[Given], order: Order, governance: Governance) -> Iterator[ApprovalFact]:
    """Yield the approvals that still count: by people with access, with the key they used, in roles they still have."""
    for each in given:
        access = governance.active(each.principal)
        if access is None or order.desk_id not in access.desks:
            continue
        roles = [role for role in each.roles if role in access.roles]
        keys = {credential.credential_id for credential in access.credentials}
        if roles and each.credential_id in keys:
            yield ApprovalFact(principal=each.principal, site=access.site, roles=roles)


def judge_with(
    given: Sequence[Given], state: DeskState, found: OpenOrder, circumstances: Circumstances, now: Instant
) -> Judgement:
    """Judge a waiting order now with these approvals; its reservation stays as it is.

    Raises:
        Refused: the order has become impossible, or has no value.
    """
    order, held = found.order, amounts(state.reserved(found.order))
    adjustment = Adjustment(moved={key: -amount for key, amount in held.items()}, kept=held)
    approvals = list(standing(given, order, circumstances.governance))
    ledger = state.desk(order.desk_id).ledger
    return judge(order, ledger, circumstances, now, approvals=approvals, adjustment=adjustment)


def hash_now(judgement: Judgement, state: DeskState) -> Sha256:
    """Return the approval hash of the order as it is now, with the reservation that it holds."""
    subject = ApprovalSubject(
        order=judgement.order,
        effect=judgement.facts.effect,
        policy_hash=judgement.facts.policy_hash,
        reserved=state.reserved(judgement.order),
    )
    return approval_digest(subject).hex()

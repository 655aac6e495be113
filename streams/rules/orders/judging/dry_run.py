"""Judges an order that is not placed: returns the whole decision, and reserves and begins nothing.

Makes the same judgement on the same facts as for a placed order, so only later events can make the real outcome differ. An
order whose own fields are impossible gets one refusal, since policy and limits cannot judge it.
"""

from __future__ import annotations

from schemas.commands import TryOrder
from schemas.events.answers import OrderTried
from schemas.orders import Order
from schemas.values import Instant
from streams.rules.limits.ledger import Ledger
from streams.rules.orders.intake import Accepted
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.judging.judgement import judge
from streams.rules.orders.judging.verdict import missing, order_of
from streams.rules.refusals.orders import Refused


def tried(accepted: Accepted, body: TryOrder, ledger: Ledger, circumstances: Circumstances, now: Instant) -> OrderTried:
    """Return the answer, also when the order is impossible."""
    order = order_of(accepted.command, body, accepted.named)
    try:
        judgement = judge(order, ledger, circumstances, now)
    except Refused as refused:
        return _impossible(accepted, order, refused)
    return OrderTried(
        desk_id=order.desk_id,
        command=accepted.command,
        order=order,
        outcome=judgement.outcome,
        rules=judgement.rules,
        refusals=judgement.refusals,
        requires=judgement.requires,
        unmet=missing(judgement, circumstances),
        facts=judgement.facts,
    )


def _impossible(accepted: Accepted, order: Order, refused: Refused) -> OrderTried:
    return OrderTried(
        desk_id=order.desk_id,
        command=accepted.command,
        order=order,
        outcome="refused",
        rules=[],
        refusals=[refused.record()],
        requires=[],
        unmet=[],
    )

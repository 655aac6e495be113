"""What would be decided of an order that is not placed: everything that a decision says, and nothing reserved or begun.

The same judgement on the same facts as for an order (`judging`), so that its answer can only be overtaken by what happens
between the two. Left out: what an order's own fields make impossible is one refusal, since nothing can be judged then.
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
    """The answer, also when the order could not be done at all."""
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

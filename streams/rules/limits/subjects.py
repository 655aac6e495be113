"""Maps an order to its limit subjects (trader, wallet, …) and selects the limits that apply.

A limit on everybody holds for each subject on its own. A firm-wide limit is held in parts: each desk has an allotment, which
the desk alone can hold exactly, and the allotments add up to no more than the cap (architecture, rule 4); a desk without an
allotment may use nothing. Per-transaction limits have no history, so they are not split into allotments.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from schemas.events.facts import ContractFact
from schemas.firm import EVERYBODY, Limit
from schemas.orders import Effect, Order
from schemas.values import DeskId, Usd
from streams.rules.actions.table import kind_of
from streams.rules.limits.scopes import SCOPES, Subjects


class Applied(NamedTuple):
    """A limit that applies to an order, with its subject and the cap for that subject."""

    limit: Limit
    subject: str
    scope_key: str
    cap_usd: Usd
    cap_count: int


def subjects_of(order: Order, effect: Effect, target: ContractFact) -> Subjects:
    """Return the order's subject in each scope; `target` is governance's entry for the address that it goes to."""
    return Subjects(
        trader=order.initiator,
        wallet=order.wallet_id,
        asset=effect.spends_asset_id,
        destination=effect.counterparty if kind_of(order.action).gives_away else "",
        contract=target.address,
        protocol=target.protocol,
        counterparty=target.counterparty,
        desk=order.desk_id,
        firm=order.desk_id,
    )


def applied(limits: Sequence[Limit], subjects: Subjects) -> list[Applied]:
    """Return the limits that apply to an order of `subjects`, in the policy's order. Addresses compare without case."""
    return [
        _applied(limit, subject)
        for limit in limits
        if (subject := SCOPES[limit.scope].subject(subjects))
        and (limit.subject in (EVERYBODY, subject) or limit.subject.lower() == subject.lower())
    ]


def _applied(limit: Limit, subject: str) -> Applied:
    cap_usd, cap_count = limit.cap_usd, limit.cap_count
    if SCOPES[limit.scope].in_parts and limit.kind != "per-transaction":
        cap_usd, cap_count = _allotted(limit, subject)
    return Applied(limit, subject, f"{limit.scope}:{subject}", cap_usd, cap_count)


def _allotted(limit: Limit, desk_id: DeskId) -> tuple[Usd, int]:
    for part in limit.allotments:
        if part.desk_id == desk_id:
            return part.cap_usd, part.cap_count
    return Decimal(0), 0

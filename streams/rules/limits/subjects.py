"""Whose an order is, in each of the ways in which it can be limited, and the limits that it so falls under.

A limit on everybody holds for each subject on its own. A firm-wide limit is held in parts: each desk has an allotment, which
the desk alone can hold exactly, and which add up to no more than the cap (architecture, rule 4); a desk without one has
nothing. What a single order may be has no past, so it needs no parts.
An order's contract is whatever it goes to, an account as well. Its destination is who outside the wallet is given the value
or the right to draw it: a swap, a deposit and a withdrawal give theirs to nobody.
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


class Subjects(NamedTuple):
    """By the names of the scopes; empty where there is none, and then no limit of that scope holds."""

    trader: str
    wallet: str
    asset: str
    destination: str
    contract: str
    protocol: str
    counterparty: str
    desk: str
    firm: str
    """The desk: it is the holder of its part."""


class Applied(NamedTuple):
    """A limit that an order falls under, whose it is, and what the cap is for them."""

    limit: Limit
    subject: str
    scope_key: str
    cap_usd: Usd
    cap_count: int


def subjects_of(order: Order, effect: Effect, target: ContractFact) -> Subjects:
    """Whose `order` is; `target` is what governance says of where it goes."""
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
    """The limits that an order of `subjects` falls under, in the policy's order. Addresses compare without case."""
    return [
        _applied(limit, subject)
        for limit in limits
        if (subject := getattr(subjects, limit.scope))
        and (limit.subject in (EVERYBODY, subject) or limit.subject.lower() == subject.lower())
    ]


def _applied(limit: Limit, subject: str) -> Applied:
    cap_usd, cap_count = limit.cap_usd, limit.cap_count
    if limit.scope == "firm" and limit.kind != "per-transaction":
        cap_usd, cap_count = _allotted(limit, subject)
    return Applied(limit, subject, f"{limit.scope}:{subject}", cap_usd, cap_count)


def _allotted(limit: Limit, desk_id: DeskId) -> tuple[Usd, int]:
    for part in limit.allotments:
        if part.desk_id == desk_id:
            return part.cap_usd, part.cap_count
    return Decimal(0), 0

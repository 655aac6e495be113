"""Names the links of one order's chain by role, and puts the firm as of each decision beside it. Pure.

Decides that a chain goes from one initiation over a reservation and an evaluation that allows to one approval and one
simulation, all of one order and one desk; that a decision names an existing position of governance, no earlier than the
decision before it; and that the order was reserved and approved under one policy. A desk that names an old position gains
nothing: the order must hold under today's governance, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from schemas.events.base import OrderEvent
from schemas.events.facts import PriceFact
from schemas.events.governance import PolicyActivated, WalletAssigned
from schemas.events.lifecycle import Approved, OrderInitiated, PolicyEvaluated, Simulated
from schemas.events.limits import LimitReleased, LimitReserved
from schemas.orders import Effect, Order
from schemas.values import MICROS_PER_SECOND, Instant
from streams.rules.actions.effect import effect_of
from streams.rules.evidence.authority import Unproven
from streams.rules.evidence.dossier import Dossier
from streams.rules.firm.view import Governance, NotFoldedYet
from streams.rules.orders import lifecycle
from streams.rules.orders.judging.facts import Circumstances, Valued, value
from streams.rules.prices.latest import SKEW_SECONDS_MAX

_BETWEEN: Final = lifecycle.between("order-initiated", "approved")
"""The only links that a desk writes between an order's initiation and its approval."""


class GovernanceLog(Protocol):
    """Governance, now and before: `RootedGovernance`, or a `GovernanceFold` for a reader that trusts its log."""

    @property
    def view(self) -> Governance:
        """Return the firm after all events so far."""
        ...

    def at(self, position: int) -> Governance:
        """Return the firm as of an event. Raises NotFoldedYet."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """The firm as of one decision, or now."""

    governance: Governance
    policy: PolicyActivated
    """The policy in `governance`."""
    _reckoned: list[tuple[Order, Effect]] = field(default_factory=list, kw_only=True, compare=False, repr=False)
    """The last derived effect, with its order: many checks need the same one."""

    def effect(self, order: Order) -> Effect:
        """Return the order's effect, derived here. Raises Refused."""
        if self._reckoned and self._reckoned[0][0] is order:
            return self._reckoned[0][1]
        effect = effect_of(order, self.governance)
        self._reckoned[:] = [(order, effect)]
        return effect

    def valued(self, order: Order, decision: PolicyEvaluated) -> Valued:
        """Return the order's value at the price that a decision names. Raises Refused."""
        prices = {price.asset_id: price for price in decision.facts.prices}
        return value(self.effect(order), Circumstances(self.governance, self.policy, prices), decision.decided_at)


@dataclass(frozen=True, slots=True)
class Decision(Moment):
    """An evaluation, with the firm at the position that it names."""

    said: PolicyEvaluated


@dataclass(frozen=True, slots=True)
class Shape:
    """A chain's links by role."""

    initiated: OrderInitiated
    reserved: LimitReserved
    """The last reservation: a later evaluation that replaces it makes the earlier one void."""
    first: PolicyEvaluated
    """The evaluation that made it."""
    allowed: PolicyEvaluated
    """The last evaluation, which allowed the order: the same as `first`, unless people had to approve."""
    approved: Approved
    simulated: Simulated


@dataclass(frozen=True, slots=True)
class Case:
    """All inputs of a verdict."""

    dossier: Dossier
    shape: Shape
    first: Decision
    allowed: Decision
    today: Moment
    wallet: WalletAssigned
    """The wallet as it is assigned today."""
    observed: Mapping[int, PriceFact]
    """Observations of prices by their offset on `price-observed`."""
    history: GovernanceLog
    now: Instant

    @property
    def order(self) -> Order:
        """Return the order as its initiator signed it."""
        return self.shape.initiated.order

    def decision(self, said: PolicyEvaluated) -> Decision:
        """Return one of the chain's evaluations with its firm. Raises Unproven."""
        return decision(self.history, said)


def shape_of(dossier: Dossier, now: Instant) -> Shape:
    """Return the chain's links by role.

    Raises:
        Unproven: neither a desk nor execution would write such a chain.
    """
    match dossier.links:
        case (
            OrderInitiated() as initiated,
            *between,
            PolicyEvaluated(outcome="allowed") as allowed,
            Approved() as approved,
            Simulated() as simulated,
        ):
            reserved, first = _reservation([*between, allowed])
        case _:
            raise Unproven("the chain does not go from one initiation over one approval to one simulation")
    order = initiated.order
    if any((link.order_id, link.desk_id) != (order.order_id, order.desk_id) for link in dossier.links):
        raise Unproven("the chain mixes orders or desks")
    ahead = max(link.decided_at for link in dossier.links) - now
    if ahead > SKEW_SECONDS_MAX * MICROS_PER_SECOND:
        told = f"a link of the chain is from the future, {ahead // MICROS_PER_SECOND} s from now by this signer's clock"
        raise Unproven(f"{told}: its clock is behind, or that of who wrote the link is ahead; set them")
    return Shape(initiated, reserved, first, allowed, approved, simulated)


def case_of(dossier: Dossier, shape: Shape, history: GovernanceLog, observed: Mapping[int, PriceFact], now: Instant) -> Case:
    """Return the chain's links with the firm as of each decision.

    Raises:
        Unproven: the decisions name impossible positions of governance.
    """
    today, wallet = history.view, history.view.wallets.get(shape.initiated.order.wallet_id)
    if today.policy is None or wallet is None:
        raise Unproven("governance knows no policy, or not this wallet")
    first, allowed = decision(history, shape.first), decision(history, shape.allowed)
    if first.governance.position > allowed.governance.position:
        raise Unproven("a decision was made on older governance than the one before it")
    if first.policy.policy_hash != allowed.policy.policy_hash:
        raise Unproven("policy changed between what was reserved and what was approved")
    return Case(dossier, shape, first, allowed, Moment(today, today.policy), wallet, observed, history, now)


def decision(history: GovernanceLog, said: PolicyEvaluated) -> Decision:
    """Return an evaluation with the firm as of it.

    Raises:
        Unproven: it names a position that does not exist, or one before the first policy.
    """
    try:
        governance = history.at(said.facts.governance_position)
    except NotFoldedYet as unknown:
        raise Unproven(f"it was decided on governance that does not exist: {unknown}") from unknown
    if governance.policy is None:
        raise Unproven("it was decided before there was a policy")
    return Decision(governance, governance.policy, said)


def _reservation(between: list[OrderEvent]) -> tuple[LimitReserved, PolicyEvaluated]:
    """Return the reservation in force, and the evaluation of the same decision."""
    if not all(isinstance(link, _BETWEEN) for link in between):
        raise Unproven("the chain has links that no order has before its approval")
    moved = [place for place, link in enumerate(between) if isinstance(link, LimitReserved | LimitReleased)]
    match between[moved[-1] :] if moved else ():
        case (LimitReserved() as reserved, PolicyEvaluated() as evaluated, *_):
            return reserved, evaluated
    raise Unproven("the order holds no reservation that policy was asked about")

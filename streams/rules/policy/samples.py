"""Provides sample questions for every action, each with all optional attributes and with none.

A policy's review asks them: the policy must fit its attributes, and must permit the smallest order to some person. The orders
are of one cent, to a target listed long ago, with no breaker tripped and no limit near.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from schemas.events.facts import ContractFact, Facts, LimitFact, SimulationFact
from schemas.firm import LimitMeasure
from schemas.orders import Action, ApproveToken, Call, Deposit, Effect, Order, Swap, Transfer, Withdraw
from schemas.values import Instant, Role
from streams.rules.limits.scopes import SCOPES
from streams.rules.policy.cedar.actions import ADMINISTRATIVE_ACTIONS
from streams.rules.policy.cedar.asking import Scene, Thing, Value
from streams.rules.policy.context.changes import AdministrativeRequest, Change, administrative_scene, vocabulary
from streams.rules.policy.context.orders import ORDER, Proposal, order_scene, order_things
from streams.rules.policy.quorum import Tally

SOMEWHERE: Final = "0x00000000000000000000000000000000000000AA"
NAME: Final = "probe"
CENT: Final = Decimal("0.01")
ACTIONS: Final[tuple[Action, ...]] = (
    Transfer(asset_id="USD", amount=CENT, destination=SOMEWHERE),
    Swap(asset_id="USD", amount=CENT, buy_asset_id="EUR", venue=SOMEWHERE, pool_fee=100, max_slippage=0),
    ApproveToken(asset_id="USD", amount=CENT, spender=SOMEWHERE),
    Deposit(asset_id="USD", amount=CENT, vault=SOMEWHERE),
    Withdraw(asset_id="USD", amount=CENT, vault=SOMEWHERE),
    Call(asset_id="USD", amount=CENT, contract=SOMEWHERE, function="probe()", arguments=[]),
)
TUESDAY_NOON: Final[Instant] = 4_102_833_600_000_000
"""UTC, on 5 January 2100: long after anything was listed."""

_MEASURES: Final[tuple[LimitMeasure, ...]] = ("usd", "count")
_SIMULATION: Final = SimulationFact(slippage_ppm=0, gas_used=21_000, touched=1)


def order(action: Action) -> Order:
    """Return an order of one cent by a made-up initiator."""
    nil = "00000000-0000-0000-0000-000000000000"
    return Order(order_id=nil, desk_id=NAME, wallet_id=NAME, initiator=NAME, action=action)


def facts(roles: tuple[Role, ...] = (), now: Instant = TUESDAY_NOON) -> Facts:
    """Return facts that give no rule a reason to refuse: target listed long ago, no breaker tripped, no limit near."""
    effect = Effect(
        chain_id=1,
        wallet=SOMEWHERE,
        contract=SOMEWHERE,
        call="probe()",
        spends_asset_id="USD",
        spends=1,
        counterparty=SOMEWHERE,
    )
    return Facts(
        evaluated_at=now,
        governance_position=0,
        policy_hash="00" * 32,
        initiator_roles=list(roles),
        initiator_site=NAME,
        effect=effect,
        amount=1,
        amount_usd=CENT,
        prices=[],
        limits=[],
        target=ContractFact(address=SOMEWHERE, listed=True, name=NAME),
        breakers=[],
        reduces_exposure=False,
        evacuates=False,
        approvals=[],
    )


def questions() -> Iterator[tuple[Scene, tuple[Thing, ...], Mapping[str, Value]]]:
    """Yield, for each action, a question with every optional attribute and one with none."""
    little = facts()
    target = little.target.model_copy(update={"protocol": NAME, "counterparty": NAME})
    much = little.model_copy(update={"target": target, "limits": list(_limits()), "simulation": _SIMULATION})
    for action in ACTIONS:
        for told in (little, much):
            proposal = Proposal(order(action), told, Tally(), "UTC")
            context = {name: tell(proposal) for name, tell in ORDER.terms.items()}
            yield order_scene(proposal.order, told), order_things(proposal.order), context
    for administrative in ADMINISTRATIVE_ACTIONS:
        request = AdministrativeRequest(actor=NAME, roles=(), site=NAME, now=TUESDAY_NOON)
        change = Change(request, Tally(), "UTC")
        context = {name: tell(change) for name, tell in vocabulary(administrative).terms.items()}
        yield administrative_scene(administrative, request), (), context


def _limits() -> Iterator[LimitFact]:
    for scope in SCOPES:
        for measure in _MEASURES:
            yield LimitFact(
                limit_id=NAME,
                scope_key=f"{scope}:{NAME}",
                kind="rolling",
                window_seconds=1,
                cap_usd=Decimal(1),
                used_usd=Decimal(0),
                requested_usd=Decimal(0),
                exceeded=False,
                measure=measure,
            )

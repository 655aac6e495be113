"""Orders and facts for policy: a base that the starter policy allows, and changes to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from schemas.events.facts import ApprovalFact, BreakerFact, ContractFact, Facts, LimitFact
from schemas.events.governance import PolicyActivated
from schemas.firm import BreakerScope, BreakerState
from schemas.orders import Action, ApproveToken, Call, Deposit, Effect, Order, Swap, Transfer, Withdraw
from schemas.values import DAY_MICROS
from streams.rules.governance.genesis import Policy, activation
from streams.rules.policy import starter
from streams.rules.policy.verdict import Evaluation
from tests.world.firm import governance as firm

NOW = 1_770_000_000_000_000
ORDER_ID = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"

TRANSFER = Transfer(asset_id="USDC", amount=Decimal(25_000), destination=firm.CUSTODIAN)
APPROVE_TOKEN = ApproveToken(asset_id="USDC", amount=Decimal(25_000), spender=firm.VENUE)


DEPOSIT = Deposit(asset_id="USDC", amount=Decimal(25_000), vault=firm.VENUE)
WITHDRAW = Withdraw(asset_id="USDC", amount=Decimal(25_000), vault=firm.VENUE)
CALL = Call(asset_id="USDC", amount=Decimal(0), contract=firm.VENUE, function="claim()", arguments=[])


def swap(max_slippage: int = 100) -> Swap:
    return Swap(
        asset_id="USDC",
        amount=Decimal(25_000),
        buy_asset_id="ETH",
        venue=firm.VENUE,
        pool_fee=100,
        max_slippage=max_slippage,
    )


def policy(cedar: str = starter.CEDAR, schema: str = starter.CEDAR_SCHEMA) -> PolicyActivated:
    base = firm.policy()
    return activation(Policy(cedar=cedar, cedar_schema=schema, limits=base.limits, settings=base.settings))


def order(action: Action = TRANSFER) -> Order:
    return Order(order_id=ORDER_ID, desk_id="newswap", wallet_id="treasury-1", initiator="paula", action=action)


def target(**changes: Any) -> ContractFact:
    """A contract that has been listed for a year."""
    listed_at = NOW - 365 * DAY_MICROS
    fields: dict[str, Any] = {"address": firm.VENUE, "listed": True, "name": "NewSwap router", "listed_at": listed_at}
    return ContractFact(**{**fields, **changes})


def listed(days: int) -> ContractFact:
    return target(listed_at=NOW - days * DAY_MICROS)


UNLISTED = ContractFact(address=firm.VENUE, listed=False)


def exceeded(kind: str = "per-transaction", **changes: Any) -> LimitFact:
    fields: dict[str, Any] = {
        "limit_id": "single",
        "scope_key": "trader:paula",
        "kind": kind,
        "window_seconds": 0,
        "cap_usd": Decimal(1_000_000),
        "used_usd": Decimal(0),
        "requested_usd": Decimal(5_000_000),
        "exceeded": True,
    }
    return LimitFact(**{**fields, **changes})


def approval(principal: str, *roles: str, site: str = "zurich") -> ApprovalFact:
    return ApprovalFact(principal=principal, site=site, roles=list(roles))


def tripped(scope: BreakerScope, subject: str, state: BreakerState = "open") -> BreakerFact:
    return BreakerFact(scope=scope, subject=subject, state=state, tripped_at=NOW - 1)


def facts(**changes: Any) -> Facts:
    effect = Effect(
        chain_id=firm.CHAIN,
        wallet=firm.TREASURY,
        contract=firm.USDC,
        call="transfer(address,uint256)",
        spends_asset_id="USDC",
        spends=25_000_000_000,
        counterparty=firm.CUSTODIAN,
    )
    fields: dict[str, Any] = {
        "evaluated_at": NOW,
        "governance_position": 13,
        "policy_hash": "ab" * 32,
        "initiator_roles": ["portfolio-manager"],
        "initiator_site": "zurich",
        "effect": effect,
        "amount": 25_000_000_000,
        "amount_usd": Decimal(25_000),
        "prices": [],
        "limits": [],
        "target": target(),
        "breakers": [],
        "reduces_exposure": False,
        "evacuates": False,
        "approvals": [],
    }
    return Facts(**{**fields, **changes})


RITA = approval("rita", "risk-officer")
RHEA = approval("rhea", "risk-officer")
SVEN = approval("sven", "senior-risk-officer")
CORA = approval("cora", "chief-risk-officer")
CARL = approval("carl", "compliance-officer")
CARL_ELSEWHERE = approval("carl", "compliance-officer", site="london")
BOTH = approval("sven", "senior-risk-officer", "compliance-officer")
PAULA = approval("paula", "risk-officer", "chief-risk-officer")


def summary(evaluation: Evaluation) -> str:
    """The outcome with what determined it: quorums that are missing, or checks that refused."""
    checks = [refusal.check for refusal in evaluation.refusals]
    return " | ".join([evaluation.outcome, *evaluation.requires, *checks])


QUORUMS = ("risk-officer:1", "risk-officer:1 & compliance-officer:1", "risk-officer:1 & compliance-officer:1 & sites:2")

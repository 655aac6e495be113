"""A firm with one wallet, its contracts, and orders of its desk, for whatever addresses a test has."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, fields
from decimal import Decimal

from eth_utils.address import to_checksum_address

from schemas.events.base import FirmEvent
from schemas.events.facts import PriceFact
from schemas.events.governance import AssetListed, ContractListed, PolicyActivated, WalletAssigned
from schemas.events.lifecycle import Approved
from schemas.examples import example
from schemas.keys import SafeAccount
from schemas.orders import Action, ApproveToken, Call, Deposit, Order, Swap, Transfer, Withdraw
from schemas.values import Address, Instant
from streams.rules.actions.effect import effect_of
from streams.rules.firm.view import Governance, GovernanceFold
from streams.rules.prices.latest import Prices

NOW: Instant = 1_760_000_000_000_000
SECOND = 1_000_000
CHAIN = 31_337
DESK, WALLET_ID = "newswap", "treasury-1"
POOL_FEE = 100
PRICE_MAX_AGE_SECONDS = 60


def address(name: str) -> Address:
    return to_checksum_address("0x" + hashlib.sha256(name.encode()).hexdigest()[:40])


@dataclass(frozen=True)
class Places:
    """Addresses of the scene."""

    wallet: Address
    usdc: Address
    usdc_implementation: Address
    weth: Address
    router: Address
    pool: Address
    friend: Address
    vault: Address
    safe: SafeAccount | None = None
    """Whose the wallet is; None: it has a key of its own."""


PLACES = Places(*(address(field.name) for field in fields(Places)[:-1]))  # type: ignore[arg-type]  # all but the last are


def firm_events(places: Places = PLACES, depth: int = 1) -> list[FirmEvent]:
    policy = example(PolicyActivated)
    settings = policy.settings.model_copy(update={"price_max_age_seconds": PRICE_MAX_AGE_SECONDS, "confirmation_depth": depth})

    def asset(asset_id: str, token: Address | None, decimals: int, peg: Decimal | None = None) -> AssetListed:
        return AssetListed(asset_id=asset_id, chain_id=CHAIN, token=token, decimals=decimals, peg_usd=peg)

    def listed(where: Address, *companions: Address) -> ContractListed:
        return ContractListed(
            chain_id=CHAIN,
            address=where,
            kind="contract",
            name="listed",
            companions=list(companions),
            open_findings=0,
            audit_reference="",
        )

    events: list[FirmEvent] = [
        asset("USDC", places.usdc, 6, Decimal(1)),
        asset("WETH", places.weth, 18),
        asset("ETH", None, 18),
        WalletAssigned(
            wallet_id=WALLET_ID,
            desk_id=DESK,
            chain_id=CHAIN,
            address=places.wallet,
            key_backend="hsm" if places.safe is None else "safe",
            key_id="1",
            safe=places.safe,
        ),
        listed(places.usdc, places.usdc_implementation),
        listed(places.router, places.pool),
        listed(places.vault),
        policy.model_copy(update={"settings": settings}),
    ]
    return [event.model_copy(update={"position": n, "decided_at": NOW}) for n, event in enumerate(events, 1)]


def firm(places: Places = PLACES, *more: FirmEvent, depth: int = 1) -> Governance:
    fold = GovernanceFold()
    events = [*firm_events(places, depth), *more]
    for number, event in enumerate(events, 1):
        fold.accept(event.model_copy(update={"position": number}))
    return fold.view


def swap(amount: str, places: Places = PLACES, max_slippage: int = 100) -> Swap:
    return Swap(
        asset_id="USDC",
        amount=Decimal(amount),
        buy_asset_id="WETH",
        venue=places.router,
        pool_fee=POOL_FEE,
        max_slippage=max_slippage,
    )


def pay(amount: str, asset_id: str = "USDC", places: Places = PLACES) -> Transfer:
    return Transfer(asset_id=asset_id, amount=Decimal(amount), destination=places.friend)


def allow(amount: str, places: Places = PLACES) -> ApproveToken:
    return ApproveToken(asset_id="USDC", amount=Decimal(amount), spender=places.router)


def deposit(amount: str, places: Places = PLACES) -> Deposit:
    return Deposit(asset_id="USDC", amount=Decimal(amount), vault=places.vault)


def withdraw(amount: str, places: Places = PLACES) -> Withdraw:
    return Withdraw(asset_id="USDC", amount=Decimal(amount), vault=places.vault)


def call(function: str, *arguments: str, amount: str = "0", asset_id: str = "USDC", places: Places = PLACES) -> Call:
    """A call of the vault."""
    spent = Decimal(amount)
    return Call(asset_id=asset_id, amount=spent, contract=places.vault, function=function, arguments=list(arguments))


def approved(action: Action, governance: Governance | None = None, number: int = 1, at: Instant = NOW) -> Approved:
    governance = governance or firm()
    identity = str(uuid.UUID(int=number, version=4))
    order = Order(order_id=identity, desk_id=DESK, wallet_id=WALLET_ID, initiator="alice", action=action)
    effect = effect_of(order, governance)
    return Approved(
        desk_id=DESK,
        order_id=identity,
        sequence=4,
        decided_at=at,
        order=order,
        effect=effect,
        policy_hash=example(Approved).policy_hash,
        governance_position=governance.position,
        approvals=[],
    )


def price(asset_id: str = "WETH", usd: str = "3000", at: Instant = NOW) -> PriceFact:
    return PriceFact(asset_id=asset_id, usd=Decimal(usd), source="venue", observed_at=at, log_offset=7)


def prices(governance: Governance, usd: str = "3000", at: Instant = NOW) -> tuple[PriceFact, ...]:
    peg = Prices().fact(governance.assets["USDC"])
    assert peg is not None
    return (peg, price(usd=usd, at=at))

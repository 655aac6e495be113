"""The firm of the signing tests, its possible orders, and records as their topics deliver them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from coincurve import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from schemas import wire
from schemas.canonical import child_order_id, command_digest, order_id
from schemas.commands import Command, InitiateOrder
from schemas.firm import Limit
from schemas.hash_chain import digest_of
from schemas.orders import Action, ApproveToken, Call, Deposit, Swap, Transfer, Withdraw
from schemas.partitioning import desk_partition
from schemas.topics import TOPIC_OF
from schemas.values import OrderId, Record
from streams.rules.decider import Received
from streams.rules.governance.genesis import Asset, SignedGenesis, Wallet
from tests.world.firm import governance as firm
from tests.world.firm.governance import CHAIN, CUSTODIAN, USDC, VENUE

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
GENESIS_AT: Final = 1_760_000_000 * SECOND
START: Final = GENESIS_AT + 40 * DAY
"""No contract is newly listed any more."""
DESK: Final = "newswap"
NEVER_ORDERED: Final[OrderId] = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"
_ORDERS: Final[dict[str, set[OrderId]]] = {}
NUMBER: Final = desk_partition(DESK.encode())
WETH: Final = "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9"
STRANGER: Final = "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"


def private_key(name: str) -> PrivateKey:
    """A wallet's key, the same for the same name."""
    return PrivateKey(hashlib.sha256(name.encode()).digest())


def address_of(name: str) -> str:
    point = private_key(name).public_key.format(compressed=False)
    return to_checksum_address(keccak(point[1:])[-20:])


def limit(limit_id: str, cap: str, **changes: Any) -> Limit:
    shape = {"kind": "rolling", "window_seconds": 86_400, "scope": "trader", "subject": "*"} | changes
    return firm.limit(limit_id, cap_usd=Decimal(cap), **shape)


LIMITS: Final = (
    limit("single", "1000000", kind="per-transaction", window_seconds=0),
    limit("trader-day", "6000000"),
    limit("desk-day", "8000000", scope="desk", subject=DESK),
)


def wallet(wallet_id: str = "treasury-1", desk_id: str = DESK, **changes: Any) -> Wallet:
    shape = {
        "wallet_id": wallet_id,
        "desk_id": desk_id,
        "chain_id": CHAIN,
        "address": address_of(wallet_id),
        "key_backend": "hsm",
        "key_id": wallet_id,
    }
    return Wallet.model_validate(shape | changes)


def genesis(**changes: Any) -> SignedGenesis:
    """A firm with USDC at a dollar, WETH by observation, two desks with a wallet each."""
    shape = {
        "issued_at": GENESIS_AT,
        "desks": [DESK, "other"],
        "assets": [
            Asset(asset_id="ETH", chain_id=CHAIN, decimals=18),
            Asset(asset_id="USDC", chain_id=CHAIN, token=USDC, decimals=6, peg_usd=Decimal(1)),
            Asset(asset_id="WETH", chain_id=CHAIN, token=WETH, decimals=18),
        ],
        "wallets": [wallet(), wallet("treasury-2"), wallet("vault", "other")],
        "policy": firm.policy(limits=list(LIMITS)),
    }
    return firm.genesis(**(shape | changes))


GENESIS: Final = genesis()


def received_of(record: Record, key: bytes, number: int, offset: int) -> Received:
    """A record as it comes from its topic, through its bytes."""
    value, topic = wire.encode(record), TOPIC_OF[type(record)].name
    return Received(topic, number, offset, key, value, digest_of(value), wire.decode(topic, value))


def with_record(received: Received, record: Record) -> Received:
    """Another record in the same place."""
    value = wire.encode(record)
    return replace(received, value=value, digest=digest_of(value), record=wire.decode(received.topic, value))


def named(name: str) -> str:
    """The command id behind a short name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def remember(name: str, command: Command) -> None:
    """Know from here on what the name of a command stands for: its order's id depends on all that it asks for."""
    _ORDERS.setdefault(name, set()).add(order_id(command.desk_id, command_digest(command)))


def orders_named(name: str) -> frozenset[OrderId]:
    """The ids of an order in all lines: `o1`, `o1/0` for its first part, `o1/0/2` for that one's third."""
    whole, *indices = name.split("/")
    found = frozenset(_ORDERS.get(whole, ()))
    for index in indices:
        found = frozenset(child_order_id(each, int(index)) for each in found)
    return found


def pay(amount: str, to: str = CUSTODIAN, asset: str = "USDC", wallet_id: str = "treasury-1") -> InitiateOrder:
    return _asked(Transfer(asset_id=asset, amount=Decimal(amount), destination=to), wallet_id)


def swap(amount: str, max_slippage: int = 100) -> InitiateOrder:
    return _asked(
        Swap(
            asset_id="USDC",
            amount=Decimal(amount),
            buy_asset_id="WETH",
            venue=VENUE,
            pool_fee=100,
            max_slippage=max_slippage,
        )
    )


def allow(amount: str) -> InitiateOrder:
    return _asked(ApproveToken(asset_id="USDC", amount=Decimal(amount), spender=VENUE))


def deposit(amount: str, vault: str = VENUE) -> InitiateOrder:
    """The listed venue stands in for a vault."""
    return _asked(Deposit(asset_id="USDC", amount=Decimal(amount), vault=vault))


def withdraw(amount: str, vault: str = VENUE) -> InitiateOrder:
    return _asked(Withdraw(asset_id="USDC", amount=Decimal(amount), vault=vault))


def call(function: str, *arguments: str, amount: str = "0", asset: str = "USDC") -> InitiateOrder:
    spent = Decimal(amount)
    return _asked(Call(asset_id=asset, amount=spent, contract=VENUE, function=function, arguments=list(arguments)))


def _asked(action: Action, wallet_id: str = "treasury-1") -> InitiateOrder:
    return InitiateOrder(wallet_id=wallet_id, action=action)

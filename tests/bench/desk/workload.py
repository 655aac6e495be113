"""Gives every contender the same firm and the same signed commands, byte for byte.

A desk as issue-sized firms run it: two desks a partition, one system that trades on all of them, twenty policies and six
limits. Each command is a swap that the policy allows at once, so each leads to four events: initiated, reserved, evaluated,
approved. No order is ever confirmed here, so the caps are wide and open orders pile up: more than a desk has in a day.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal
from itertools import cycle, islice
from typing import Final

from schemas import wire
from schemas.canonical import command_digest
from schemas.commands import Command, Ed25519Signature, InitiateOrder
from schemas.events.base import FirmEvent
from schemas.events.governance import AssetListed, ContractListed, WalletAssigned
from schemas.firm import Limit
from schemas.orders import Swap
from schemas.partitioning import desk_partition
from schemas.topics import DESK_PARTITIONS
from schemas.values import DeskId, Instant
from streams.rules.policy import starter
from streams.rules.policy.ruleset import ready
from tests.bench.racing.keyed import Keyed
from tests.world.firm.desk import CHAIN, SETTINGS, TREASURY, USDC, VENUE, WETH, MachineKey, limit, policy, system

DESKS_PER_PARTITION: Final = 2
POLICIES: Final = 20
TRADER: Final = "treasury-system"
COMMAND_AGE_SECONDS: Final = 3_600
"""As old as a policy lets a command be: they are all signed before the first round."""
CAP_USD: Final = "900000000000"
EVENTS_PER_COMMAND: Final = ("order-initiated", "limit-reserved", "policy-evaluated", "approved")


def desks() -> list[DeskId]:
    """Desks that spread evenly over the partitions, those of one partition never side by side."""
    found: dict[int, list[DeskId]] = {number: [] for number in range(DESK_PARTITIONS)}
    for number in range(1_000):
        desk = f"desk-{number}"
        places = found[desk_partition(desk.encode())]
        if len(places) < DESKS_PER_PARTITION:
            places.append(desk)
    return [desk for round_ in zip(*found.values(), strict=True) for desk in round_]


def firm(decided_at: Instant) -> list[FirmEvent]:
    """Governance's events, in the order of its log."""
    listed = decided_at - 90 * 86_400 * 1_000_000
    asset = AssetListed(asset_id="USDC", chain_id=CHAIN, token=USDC, decimals=6, peg_usd=Decimal(1))
    settings = SETTINGS.model_copy(update={"command_max_age_seconds": COMMAND_AGE_SECONDS})
    venue = ContractListed(
        chain_id=CHAIN,
        address=VENUE,
        kind="contract",
        name="NewSwap router",
        companions=[],
        open_findings=0,
        audit_reference="",
        decided_at=listed,
    )
    events: list[FirmEvent] = [
        system(TRADER, "trader", desks=desks()),
        asset,
        asset.model_copy(update={"asset_id": "WETH", "token": WETH, "decimals": 18}),
        venue,
        *(
            WalletAssigned(
                wallet_id=f"{desk}-wallet", desk_id=desk, chain_id=CHAIN, address=TREASURY, key_backend="hsm", key_id="01"
            )
            for desk in desks()
        ),
        policy(*_limits(), cedar=_cedar(), settings=settings),
    ]
    return [
        event.model_copy(update={"position": position, "decided_at": event.decided_at or decided_at})
        for position, event in enumerate(events, 1)
    ]


def commands(count: int, issued_at: Instant, first: int = 0) -> Iterator[Keyed]:
    """Signed commands number `first` and on, over all desks in turn. The same ones for the same `issued_at`."""
    key = MachineKey(TRADER)
    action = Swap(asset_id="USDC", amount=Decimal(10_000), buy_asset_id="WETH", venue=VENUE, pool_fee=100, max_slippage=100)
    for number, desk in enumerate(islice(cycle(desks()), first, first + count), first):
        unsigned = Command(
            command_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{desk}/{number}")),
            desk_id=desk,
            principal=TRADER,
            issued_at=issued_at,
            body=InitiateOrder(wallet_id=f"{desk}-wallet", action=action),
            authorization=Ed25519Signature(key_id=TRADER, signature=""),
        )
        signed = unsigned.model_copy(update={"authorization": key.confirm(command_digest(unsigned))})
        yield Keyed(desk.encode(), wire.encode(signed))


def _limits() -> tuple[Limit, ...]:
    day, hour = 86_400, 3_600
    return (
        limit("single", CAP_USD, kind="per-transaction", window_seconds=0),
        limit("trader-hour", CAP_USD, window_seconds=hour),
        limit("trader-day", CAP_USD, window_seconds=day),
        limit("wallet-day", CAP_USD, scope="wallet", window_seconds=day),
        limit("contract-day", CAP_USD, scope="contract", window_seconds=day),
        limit("desk-day", CAP_USD, scope="desk", window_seconds=day),
    )


def _cedar() -> str:
    """The starter policy and what firms add to it, until each swap is asked of `POLICIES`: large amounts of single desks."""
    own = len(ready(starter.CEDAR).by_action["swap"].every.policies)
    added = (
        f"""
@id("house-rule-{number}")
@reason("Orders of this desk above its own size go to a risk officer.")
@requires("risk-officer:1")
forbid (principal, action in Action::"order", resource)
when {{ context.desk == Desk::"desk-of-{number}" && context.amount_usd_cents > {number}00000 }}
unless {{ context.quorums.contains("risk-officer:1") }};
"""
        for number in range(POLICIES - own)
    )
    return starter.CEDAR + "".join(added)

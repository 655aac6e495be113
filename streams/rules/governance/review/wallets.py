"""Checks a wallet in the proposed firm: its desk, its chain, its holding address, the owners of a Safe.

For genesis and for every wallet that is activated after it. No two wallets count the same account's nonces: those of a Safe
are its executor's. Pure. Sources: Safe 1.4.1 (owners are distinct, the threshold is at most their number). Leaves out
facts that only a chain knows: that a Safe is at its address, with these owners.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from infra.ethereum.safe.signatures import unfit
from schemas.keys import KeyBackend, SafeAccount
from schemas.values import Address, DeskId, WalletId
from streams.rules.governance.review.access import repeated

ZERO_ADDRESS: Final = "0x" + 40 * "0"


class WalletFields(Protocol):
    """The fields of a wallet that genesis, a proposal and an event share."""

    @property
    def wallet_id(self) -> WalletId:
        """Return its name."""
        ...

    @property
    def desk_id(self) -> DeskId:
        """Return its desk."""
        ...

    @property
    def chain_id(self) -> int:
        """Return its chain."""
        ...

    @property
    def address(self) -> Address:
        """Return its account."""
        ...

    @property
    def key_backend(self) -> KeyBackend:
        """Return its key's backend."""
        ...

    @property
    def holding(self) -> Address | None:
        """Return its holding address; None if it has none."""
        ...

    @property
    def safe(self) -> SafeAccount | None:
        """Return its Safe; None if the wallet has a key of its own."""
        ...


@dataclass(frozen=True, slots=True)
class FirmParts:
    """The firm around a wallet."""

    desks: Collection[DeskId]
    chains: Collection[int]
    """Chains with a listed asset."""
    accounts: Collection[tuple[int, Address]]
    """Listed accounts, by chain id and address."""
    wallets: Collection[WalletFields]
    """All others."""


def problems(wallet: WalletFields, there: FirmParts) -> Iterator[str]:
    """Yield the objections to `wallet`, a sentence each."""
    if wallet.desk_id not in there.desks:
        yield f"there is no desk {wallet.desk_id}"
    if wallet.chain_id not in there.chains:
        yield f"no asset is listed on chain {wallet.chain_id}"
    if wallet.address == ZERO_ADDRESS:
        yield "nobody has the key of the zero address"
    yield from _holding(wallet, there)
    yield from _nonces(wallet, there)
    if (wallet.key_backend == "safe") != (wallet.safe is not None):
        yield "says who signs for a Safe if and only if it is one"
    elif wallet.safe is not None:
        yield from _safe(wallet.address, wallet.safe)


def _holding(wallet: WalletFields, there: FirmParts) -> Iterator[str]:
    """Yield the objections to a wallet's holding address: no breaker would stop funds from going there."""
    if wallet.holding is None:
        return
    places = {*there.accounts, *((each.chain_id, each.address) for each in there.wallets)}
    if wallet.holding == wallet.address:
        yield "its holding address is its own, so evacuating it would move nothing"
    elif (wallet.chain_id, wallet.holding) not in places:
        yield f"its holding address {wallet.holding} is neither a listed account nor another wallet on its chain"


def _nonces(wallet: WalletFields, there: FirmParts) -> Iterator[str]:
    taken = {_sender(each): each.wallet_id for each in there.wallets if each.chain_id == wallet.chain_id}
    if (other := taken.get(_sender(wallet))) is not None:
        yield f"the account {_sender(wallet)} sends the transactions of wallet {other}: they would take each other's nonces"


def _sender(wallet: WalletFields) -> Address:
    return wallet.address if wallet.safe is None else wallet.safe.executor.address


def _safe(address: Address, safe: SafeAccount) -> Iterator[str]:
    owners = [owner.address for owner in safe.owners]
    yield from repeated("owner of the Safe", owners)
    if safe.threshold > len(owners):
        yield f"{safe.threshold} owners of the Safe must sign, and it has {len(owners)}"
    elif len(set(owners)) == len(owners) and (reason := unfit(safe)) is not None:
        yield f"nothing could be signed for the Safe: {reason}"
    if {address, ZERO_ADDRESS} & {*owners, safe.executor.address}:
        yield "neither the Safe itself nor the zero address could sign for it"

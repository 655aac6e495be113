"""Tracks each key's place and account, from governance's events. Pure.

An ordered key is known by its report; a key that genesis named for a wallet, or for an owner of a Safe, by genesis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.events.governance import WalletAssigned
from schemas.keys import ActivateKey, GenerateKey, KeyBackend, KeyChange, KeyId, RotateKey
from schemas.values import Address
from streams.rules.firm.keys import KeyStanding
from streams.rules.firm.view import Governance


class KeyPlace(NamedTuple):
    """A key's backend and place, and the account that it signs for."""

    backend: KeyBackend
    address: Address


def place_of(firm: Governance, key_id: KeyId) -> KeyPlace | None:
    """Return a key's place; None for a key without a report."""
    known = firm.keys.get(key_id)
    if known is not None and known.generated is not None:
        return KeyPlace(known.generated.backend, known.generated.address)
    found = (place for wallet in firm.wallets.values() for named, place in _named_by(wallet) if named == key_id)
    return next(found, None)


def standing_of(firm: Governance, key_id: KeyId) -> KeyStanding:
    """Return the facts about a key that exists, or that is to be made."""
    return firm.keys.get(key_id) or KeyStanding(key_id)


def is_taken(firm: Governance, key_id: KeyId) -> bool:
    """Return True if a key has or had this id, or is being made under it."""
    known = firm.keys.get(key_id)
    if place_of(firm, key_id) is not None or (known is not None and known.status != "ordered"):
        return True
    orders = (each.open_order for each in firm.keys.values() if each.open_order is not None)
    return any(_makes(order.change) == key_id for order in orders)


def wallets_of(firm: Governance, key_id: KeyId) -> list[str]:
    """Return the wallets that the key signs for: its own, and Safes of which it is an owner or the executor."""
    return [wallet.wallet_id for wallet in firm.wallets.values() if any(named == key_id for named, _ in _named_by(wallet))]


def backend_said(change: KeyChange) -> KeyBackend | None:
    """Return the backend that a change itself names; None if it is the key's present one."""
    match change:
        case GenerateKey():
            return change.backend
        case ActivateKey():
            return change.key_backend
        case _:
            return None


def _named_by(wallet: WalletAssigned) -> Iterator[tuple[KeyId, KeyPlace]]:
    yield wallet.key_id, KeyPlace(wallet.key_backend, wallet.address)
    if wallet.safe is not None:
        for holder in (*wallet.safe.owners, wallet.safe.executor):
            yield holder.key_id, KeyPlace(holder.key_backend, holder.address)


def _makes(change: object) -> KeyId | None:
    match change:
        case GenerateKey():
            return change.key_id
        case RotateKey() if change.successor:
            return change.successor
        case _:
            return None

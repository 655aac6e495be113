"""Holds a node's answers about one order, by value: all inputs of its judgement."""

from __future__ import annotations

from dataclasses import dataclass

from infra.ethereum.answers import BlockHeader
from infra.ethereum.trace import Effects
from infra.ethereum.transaction import Transaction
from schemas.events.facts import PriceFact
from schemas.events.lifecycle import Approved
from schemas.firm import Settings
from schemas.orders import Effect, Swap
from streams.rules.actions.compiled import quoted
from streams.rules.firm.view import Governance
from streams.rules.prices.valuation import Quoted, slippage_ppm


@dataclass(frozen=True, slots=True)
class Simulation:
    """One order's transaction, traced on top of one block."""

    approved: Approved
    governance: Governance
    settings: Settings
    """Settings of the policy in `governance`."""
    prices: tuple[PriceFact, ...]
    """Independent prices of the exchanged assets; empty if nothing is exchanged."""
    block: BlockHeader
    account_nonce: int
    """The transaction count, at `block`, of the transaction's sender."""
    transaction: Transaction
    exact: Effects
    """Effects of `transaction`, to the byte."""
    measured: Effects
    """Effects of the same call without a minimum: the loss if nothing stopped it."""
    safe_nonce: int | None = None
    """Nonce of the Safe that makes the call; None if the wallet is no Safe."""

    @property
    def effect(self) -> Effect:
        """Return the order's intended effect."""
        return self.approved.effect

    @property
    def shown(self) -> Effects:
        """Return the effects to be recorded: of the exact transaction, or of the call without the minimum that stops it."""
        return self.measured if self.measured.ok and not self.exact.ok else self.exact

    @property
    def exchange(self) -> Exchange | None:
        """Return the exchange; None for an order that exchanges nothing, or that did not get that far."""
        action = self.approved.order.action
        if not isinstance(action, Swap) or not self.shown.ok:
            return None
        given = quoted(action.asset_id, self.governance, self.prices)
        taken = quoted(action.buy_asset_id, self.governance, self.prices)
        received = self.shown.change(self.effect.wallet, taken.asset.token)
        return Exchange(given, self.effect.spends, taken, received)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Base units given and received by the wallet, with independent prices."""

    given: Quoted
    amount_in: int
    taken: Quoted
    amount_out: int

    @property
    def slippage_ppm(self) -> int:
        """Return the loss in parts per million; a million if nothing, or less than nothing, comes back."""
        return slippage_ppm(self.given, self.amount_in, self.taken, max(self.amount_out, 0))

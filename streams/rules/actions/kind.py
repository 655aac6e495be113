"""Defines each order kind's interface: effect, call, balances, exposure, and a sentence for people. Pure.

One object a kind, in `actions.kinds`; `actions.table` registers them. Effect, call and balances of one order must agree to the
base unit: the signer compiles the call again, and the simulation's review compares balances.
Whatever a kind leaves out has the strictest answer: it lowers no exposure, brings nothing home, and gains nothing unannounced.
Leaves out policy's names and attributes (`streams.rules.policy`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

from infra.ethereum.trace import UINT256_MAX
from schemas.events.facts import PriceFact
from schemas.events.governance import AssetListed, WalletAssigned
from schemas.events.lifecycle import Approved
from schemas.orders import Effect
from schemas.values import Address, AssetId, BaseUnits, Record
from streams.rules.actions.compiled import CompiledCall
from streams.rules.firm.view import Governance

A_contra = TypeVar("A_contra", bound=Record, contravariant=True)


class BalanceKey(NamedTuple):
    """An account's balance of one token; None is the chain's native asset."""

    account: Address
    token: Address | None


class BalanceBounds(NamedTuple):
    """The least and the greatest change of a balance, in base units."""

    least: int
    most: int

    @classmethod
    def exactly(cls, change: int) -> BalanceBounds:
        """Return bounds that only `change` meets."""
        return cls(change, change)

    def __str__(self) -> str:
        """Return the bounds in words for people."""
        if self.least == self.most:
            return str(self.least)
        return f"at least {self.least}" if self.most == UINT256_MAX else f"at most {self.most}"


NOTHING: Final = BalanceBounds(0, 0)
ANY_GAIN: Final = BalanceBounds(0, UINT256_MAX)
SOME_GAIN: Final = BalanceBounds(1, UINT256_MAX)
SOME_LOSS: Final = BalanceBounds(-UINT256_MAX, -1)


@dataclass(frozen=True, slots=True)
class Proposed:
    """The inputs of an effect: the order's wallet, its asset and amount, and governance's lists."""

    wallet: WalletAssigned
    spent: AssetListed
    amount: BaseUnits
    """The action's amount in base units of `spent`."""
    governance: Governance

    def effect(self, contract: Address, call: str, counterparty: Address) -> Effect:
        """Return the effect of calling `call` at `contract` for the whole amount."""
        return Effect(
            chain_id=self.wallet.chain_id,
            wallet=self.wallet.address,
            contract=contract,
            call=call,
            spends_asset_id=self.spent.asset_id,
            spends=self.amount,
            counterparty=counterparty,
        )


@dataclass(frozen=True, slots=True)
class ToCompile:
    """The inputs of a call. `prices`: independent prices of the exchanged assets (`Simulated.prices`)."""

    approved: Approved
    asset: AssetListed
    governance: Governance
    prices: Sequence[PriceFact]

    @property
    def effect(self) -> Effect:
        """Return the effect that was approved."""
        return self.approved.effect


class OrderKind(ABC, Generic[A_contra]):
    """The rules of one order kind."""

    sentence: ClassVar[str]
    """The sentence that people approve, with the action's fields in braces."""
    gives_away: ClassVar[bool]
    """True if an outsider receives the spent asset or may draw it: limits by destination apply."""
    other_balances: ClassVar[BalanceBounds] = NOTHING
    """Bounds for every balance of the wallet that `balances` does not name."""

    @abstractmethod
    def effect(self, action: A_contra, proposed: Proposed) -> Effect:
        """Return the order's effect in base units. Raises Refused for an impossible order."""

    @abstractmethod
    def call(self, action: A_contra, given: ToCompile) -> CompiledCall:
        """Return the one call that carries the order out. Raises NotCompilable."""

    @abstractmethod
    def balances(
        self, action: A_contra, effect: Effect, assets: Mapping[AssetId, AssetListed]
    ) -> dict[BalanceKey, BalanceBounds]:
        """Return every balance that changes for certain, or may change."""

    def reduces(self, action: A_contra, wallet: WalletAssigned, assets: Mapping[AssetId, AssetListed]) -> bool:
        """Return whether the order only lowers exposure. `assets` are those that it names."""
        _ = assets
        return self.evacuates(action, wallet)

    def evacuates(self, action: A_contra, wallet: WalletAssigned) -> bool:
        """Return whether the order moves funds of `wallet` to its holding address."""
        _ = action, wallet
        return False


def spent_balance(effect: Effect, assets: Mapping[AssetId, AssetListed]) -> BalanceKey:
    """Return the key of the wallet's balance of the asset that the order spends."""
    return BalanceKey(effect.wallet, assets[effect.spends_asset_id].token)

"""What an order may do to the balances of its wallet, and to whom it pays. Pure.

Decides that the wallet loses and gains what the effect says, to the base unit, and nothing else: a swap gives something back,
a deposit gives shares, a withdrawal takes shares and nothing more; a call may spend up to its amount and may bring anything in.
A vault's shares are the token at the vault's own address (ERC-4626).
Leaves out what an exchange is worth (`valuation`), and balances that move without a log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, assert_never

from infra.ethereum.trace import UINT256_MAX
from schemas.orders import ApproveToken, Call, Deposit, Swap, Transfer, Withdraw
from schemas.values import Address
from streams.rules.transactions.simulation import Simulation


class BalanceKey(NamedTuple):
    """A balance: whose, and of which token; none for the chain's native asset."""

    account: Address
    token: Address | None


class BalanceBounds(NamedTuple):
    """Base units by which a balance may change: at least, at most."""

    least: int
    most: int

    def __str__(self) -> str:
        """For people."""
        if self.least == self.most:
            return str(self.least)
        return f"at least {self.least}" if self.most == UINT256_MAX else f"at most {self.most}"


NOTHING: Final = BalanceBounds(0, 0)
ANY_GAIN: Final = BalanceBounds(0, UINT256_MAX)
SOME_GAIN: Final = BalanceBounds(1, UINT256_MAX)
SOME_LOSS: Final = BalanceBounds(-UINT256_MAX, -1)


def unmeant(simulation: Simulation) -> Iterator[tuple[BalanceKey, int, BalanceBounds]]:
    """Every balance that changes otherwise than the order means: by how much, and by how much it may."""
    wallet, meant = simulation.effect.wallet, _meant(simulation)
    otherwise = ANY_GAIN if isinstance(simulation.approved.order.action, Call) else NOTHING
    seen = {
        place: each.change
        for each in simulation.shown.balance_changes
        if (place := BalanceKey(each.account, each.token)) in meant or each.account == wallet
    }
    for place in dict.fromkeys([*meant, *seen]):
        change, bounds = seen.get(place, 0), meant.get(place, otherwise)
        if not bounds.least <= change <= bounds.most:
            yield place, change, bounds


def _meant(simulation: Simulation) -> dict[BalanceKey, BalanceBounds]:
    """What changes for certain, or may."""
    effect, assets = simulation.effect, simulation.governance.assets
    spent = BalanceKey(effect.wallet, assets[effect.spends_asset_id].token)
    shares = BalanceKey(effect.wallet, effect.contract)
    gone = BalanceBounds(-effect.spends, -effect.spends)
    match simulation.approved.order.action:
        case Transfer():
            return {spent: gone, BalanceKey(effect.counterparty, spent.token): BalanceBounds(effect.spends, effect.spends)}
        case Swap(buy_asset_id=bought):
            return {spent: gone, BalanceKey(effect.wallet, assets[bought].token): SOME_GAIN}
        case Deposit():
            return {spent: gone, shares: SOME_GAIN}
        case Withdraw():
            return {spent: BalanceBounds(effect.receives, effect.receives), shares: SOME_LOSS}
        case Call():
            return {spent: BalanceBounds(-effect.spends, UINT256_MAX)}
        case ApproveToken():
            return {}
        case _ as unknown:
            assert_never(unknown)

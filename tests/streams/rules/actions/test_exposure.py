"""A table of the orders that only lower exposure, and of those that bring funds home."""

from __future__ import annotations

import pytest

from schemas.orders import Action
from streams.rules.actions.exposure import evacuates, reduces
from tests.streams.rules.orders.specification import allowance, call, deposit, swap, transfer, withdrawal
from tests.world.firm.desk import CUSTODIAN, FIRM, HOLDING, WALLETS

WALLET = WALLETS[0]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (transfer("1", to=CUSTODIAN), (False, False)),
        (transfer("1", to=HOLDING), (True, True)),
        (transfer("1", "WETH", to=HOLDING), (True, True)),
        (withdrawal("1"), (True, False)),
        (swap("1", "WETH", buy="USDC"), (True, False)),
        (swap("1", "USDC", buy="WETH"), (False, False)),
        (swap("1", "WETH", buy="ETH"), (False, False)),
        (swap("1", "WETH", buy="NIL"), (False, False)),
        (swap("1", "USDC", buy="FAR"), (False, False)),
        (deposit("1"), (False, False)),
        (allowance("1"), (False, False)),
        (allowance("1", spender=HOLDING), (False, False)),
        (call(), (False, False)),
        (call(contract=HOLDING), (False, False)),
    ],
)
def test_what_lowers_exposure_and_what_brings_home(action: Action, expected: tuple[bool, bool]) -> None:
    assert (reduces(action, WALLET, FIRM.governance.assets), evacuates(action, WALLET)) == expected


def test_a_wallet_without_a_holding_address_can_bring_nothing_home() -> None:
    homeless = WALLET.model_copy(update={"holding": None})
    assert not evacuates(transfer("1", to=HOLDING), homeless)
    assert not reduces(transfer("1", to=HOLDING), homeless, FIRM.governance.assets)

"""A Safe's payment is traced, signed and mined on two independent kinds of node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from infra.chain.node import Node
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import packed
from infra.ethereum.transaction import Transaction, assemble, digest
from schemas.events.governance import WalletAssigned
from streams.execution.tracing import Ground, ground
from streams.rules.actions.compiled import CompiledCall
from streams.rules.transactions import assembly
from streams.rules.transactions.safe_wrapping import carried
from tests.infra.chain.geth import geth, why_not
from tests.world.chain.local_chain import ETHER, anvil
from tests.world.chain.safe_scene import ANNA, BRUNO, CLARA, Owner, SafeScene, account, founded

pytestmark = pytest.mark.chain

GAS_APART_MAX: Final = 1_500
"""By which the trace is above what is used, for each signature."""
RECEIVER: Final = Owner("receiver").address


@pytest.fixture(scope="module", params=["anvil", "geth"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SafeScene]:
    if request.param == "geth" and why_not():
        pytest.skip(why_not())
    running = anvil() if request.param == "anvil" else geth(tmp_path_factory.mktemp("geth"))
    with running as url, Node(url) as node:
        yield founded(node)


def ready_safe(scene: SafeScene, threshold: int, salt: int = 0) -> Ground:
    """A Safe with ten ether as execution sees it."""
    safe = account(threshold=threshold)
    wallet = WalletAssigned(
        wallet_id="treasury-1",
        desk_id="newswap",
        chain_id=scene.chain_id,
        address=scene.established(safe, salt=salt),
        key_backend="safe",
        key_id="treasury-1",
        safe=safe,
    )
    return ground(scene.node, scene.node.head(), wallet)


def built(on: Ground, call: CompiledCall) -> Transaction:
    """The transaction as execution builds it: measured first."""
    nonce = on.account_nonce
    gas = assembly.gas_limit(on.measured(call, nonce).gas_used)
    fees = on.node.fees()
    return assembly.assemble(on.wallet.chain_id, carried(call, on.wallet, nonce), nonce=nonce, gas=gas, fees=fees)


def signed(on: Ground, unsigned: Transaction) -> bytes:
    """With the signatures of as many owners as the Safe asks for."""
    assert on.safe is not None
    assert on.safe_nonce is not None
    call, _ = safe_transaction.decode(unsigned.data)
    hashed = safe_transaction.digest(on.wallet.chain_id, on.wallet.address, call, on.safe_nonce)
    signatures = packed({each.address: each.sign(hashed) for each in (BRUNO, CLARA)[: on.safe.threshold - 1]}, ANNA.address)
    filled = replace(unsigned, data=safe_transaction.encode(call, signatures))
    return assemble(filled, ANNA.sign(digest(filled))).raw


@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_a_payment_of_a_safe_is_mined_as_it_was_traced(scene: SafeScene, threshold: int) -> None:
    on = ready_safe(scene, threshold)
    assert on.standing is not None
    assert on.standing.reason is None
    unsigned = built(on, CompiledCall(RECEIVER, ETHER, b""))
    seen = on.exact(unsigned)
    assert (seen.ok, seen.change(RECEIVER, None), seen.change(on.wallet.address, None)) == (True, ETHER, -ETHER)
    assert (seen.delegate_calls, set(seen.touched)) == ((), {on.wallet.address, RECEIVER})
    before = scene.node.balance(RECEIVER)
    receipt = scene.sent(signed(on, unsigned))
    assert receipt.succeeded
    assert receipt.gas_used <= seen.gas_used <= receipt.gas_used + GAS_APART_MAX * threshold
    assert seen.gas_used <= unsigned.gas_limit
    assert scene.node.balance(RECEIVER) == before + ETHER


def test_a_payment_of_more_than_there_is_fails_in_the_trace(scene: SafeScene) -> None:
    on = ready_safe(scene, 2, salt=1)
    seen = on.exact(built(on, CompiledCall(RECEIVER, 11 * ETHER, b"")))
    assert not seen.ok
    assert "fund it first" in str(seen.revert_reason)

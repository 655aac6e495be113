"""A Safe's payments from their simulation to a mined block: owners and executor in a real token, the contracts real."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from infra.ethereum import transaction
from infra.ethereum.answers import Receipt
from infra.ethereum.safe import transaction as safe_transaction
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from schemas.events.lifecycle import Signed, Simulated
from schemas.examples import example
from schemas.keys import KeyHolder, SafeAccount
from streams.execution.observer import ExecutionObserver
from streams.signing.backends.contract import Made, Signer, Task
from streams.signing.backends.hsm import HsmSigner
from streams.signing.backends.safe import with_safes
from tests.world.chain.firm import CHAIN, NOW, PLACES, SECOND, Places, approved, firm, firm_events, pay
from tests.world.chain.local_chain import ETHER
from tests.world.chain.safe_scene import CLARA, SafeScene, safe_scene
from tests.world.chain.scene import Execution, References, received

pytestmark = [pytest.mark.chain, pytest.mark.token]

OWNERS = ("owner-1", "owner-2", "owner-3")
SALTS = itertools.count()


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    with Token.open(initialise(Path(tmp_path_factory.mktemp("token")))) as opened:
        for owner in OWNERS:
            opened.generate_key(owner)
        yield opened


@pytest.fixture(scope="module")
def contracts() -> Iterator[SafeScene]:
    with safe_scene() as scene:
        yield scene


@dataclass
class Treasury:
    """A wallet that is a Safe of keys in a token, with execution and the backend at work for it."""

    contracts: SafeScene
    places: Places
    signer: Signer
    execution: Execution = field(init=False)

    def __post_init__(self) -> None:
        events = [received(event) for event in firm_events(self.places)]
        observer = ExecutionObserver(References(events), {CHAIN: self.contracts.node})
        self.execution = Execution(observer, References())

    def simulated(self, number: int) -> Simulated:
        order = approved(pay("1", "ETH", self.places), firm(self.places), number)
        return self.execution.simulate(order, NOW + number * SECOND)

    def signed(self, simulated: Simulated) -> bytes:
        unsigned = transaction.from_record(simulated.transaction)
        made = self.signer.sign(Task(simulated, "ab" * 32, transaction.digest(unsigned), "safe", "1"))
        assert isinstance(made, Made)
        assert made.transaction is not None
        return transaction.assemble(made.transaction, made.signature).raw

    def sent(self, simulated: Simulated, raw: bytes) -> Receipt:
        self.execution.offer(
            example(Signed).model_copy(
                update={
                    "desk_id": simulated.desk_id,
                    "order_id": simulated.order_id,
                    "wallet_id": simulated.wallet_id,
                    "chain_id": CHAIN,
                    "nonce": simulated.transaction.nonce,
                }
            )
        )
        return self.contracts.sent(raw)


@pytest.fixture
def treasury(contracts: SafeScene, token: Token) -> Treasury:
    holders = [KeyHolder(address=token.address(owner), key_backend="hsm", key_id=owner) for owner in OWNERS]
    safe = SafeAccount(threshold=2, owners=holders, executor=holders[2])
    contracts.node.rpc.request("anvil_setBalance", safe.executor.address, hex(ETHER))
    places = replace(PLACES, wallet=contracts.established(safe, next(SALTS)), safe=safe)
    known = firm(places)
    return Treasury(contracts, places, with_safes({"hsm": HsmSigner(token)}, lambda: known))


def test_payments_of_a_safe_are_mined_one_after_the_other(treasury: Treasury) -> None:
    before = treasury.contracts.node.balance(treasury.places.friend)
    for number in (1, 2):
        simulated = treasury.simulated(number)
        assert (simulated.verdict, simulated.safe_nonce) == ("passed", number - 1)
        assert treasury.sent(simulated, treasury.signed(simulated)).succeeded
        assert treasury.contracts.node.balance(treasury.places.friend) == before + number * ETHER


def test_nobody_else_can_send_what_the_owners_signed(treasury: Treasury) -> None:
    simulated = treasury.simulated(1)
    raw = treasury.signed(simulated)
    carrying, _ = transaction.decode_raw(raw)
    assert not treasury.contracts.send(CLARA, treasury.places.wallet, carrying.data).succeeded, "not before us"
    assert treasury.sent(simulated, raw).succeeded
    assert not treasury.contracts.send(CLARA, treasury.places.wallet, carrying.data).succeeded, "and not again"


def test_a_failed_payment_leaves_nothing_that_could_be_sent_later(treasury: Treasury) -> None:
    node, safe = treasury.contracts.node, treasury.places.wallet
    simulated = treasury.simulated(1)
    raw = treasury.signed(simulated)
    held = node.balance(safe)
    node.rpc.request("anvil_setBalance", safe, hex(1))
    assert not treasury.sent(simulated, raw).succeeded
    node.rpc.request("anvil_setBalance", safe, hex(held))
    carrying, _ = transaction.decode_raw(raw)
    assert not treasury.contracts.send(CLARA, safe, carrying.data).succeeded
    again = treasury.simulated(2)
    assert again.safe_nonce == simulated.safe_nonce
    call, _ = safe_transaction.decode(carrying.data)
    following, _ = safe_transaction.decode(transaction.from_record(again.transaction).data)
    assert call != following, "the same payment again is another thing to sign"
    assert treasury.sent(again, treasury.signed(again)).succeeded

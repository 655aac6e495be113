"""What every kind of key signs is mined, on two kinds of node that nobody here wrote: anvil and go-ethereum."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from infra.chain.node import Node
from infra.chain.transaction import Signature, Transaction, assemble, digest, recover_sender
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from schemas.events.lifecycle import Simulated
from schemas.examples import example
from schemas.keys import KeyBackend
from streams.signing.backends.contract import Made, Signer, Task
from streams.signing.backends.hsm import HsmSigner
from tests.infra.chain.geth import geth, why_not
from tests.infra.chain.local_chain import anvil

KEY_ID: Final = "treasury-1"
RECEIVER: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
FUNDS_WEI: Final = 10**18
TRANSACTIONS: Final = 3
MINED_SECONDS_MAX: Final = 15


@dataclass(frozen=True, slots=True)
class Held:
    """A key, and the backend that signs with it."""

    backend: KeyBackend
    signer: Signer
    address: str

    def sign(self, hashed: bytes) -> Signature:
        """Sign as the enclave asks for it."""
        made = self.signer.sign(Task(example(Simulated), "0" * 64, hashed, self.backend, KEY_ID))
        assert isinstance(made, Made)
        return made.signature


def in_a_token(folder: Path) -> Iterator[Held]:
    with Token.open(initialise(folder)) as token:
        yield Held("hsm", HsmSigner(token), token.generate_key(KEY_ID))


BACKENDS: Final = {"hsm": in_a_token}


@pytest.fixture(scope="module", params=BACKENDS)
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    yield from BACKENDS[request.param](tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="module")
def anvil_node() -> Iterator[Node]:
    with anvil() as url, Node(url) as node:
        yield node


@pytest.fixture(scope="module")
def geth_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    if why_not():
        pytest.skip(why_not())
    with geth(tmp_path_factory.mktemp("geth")) as url, Node(url) as node:
        yield node


@pytest.fixture(params=["anvil", "geth"])
def node(request: pytest.FixtureRequest) -> Node:
    found: Node = request.getfixturevalue(f"{request.param}_node")
    return found


def mined(node: Node, transaction_hash: str) -> None:
    deadline = time.monotonic() + MINED_SECONDS_MAX
    while (receipt := node.receipt(transaction_hash)) is None:
        assert time.monotonic() < deadline, f"{transaction_hash} is not mined"
        time.sleep(0.02)
    assert receipt.succeeded


def funded(node: Node, address: str) -> None:
    """Ether from the account that a development chain has, and signs for by itself."""
    accounts = node.rpc.request("eth_accounts")
    assert isinstance(accounts, list)
    sent = node.rpc.request("eth_sendTransaction", {"from": accounts[0], "to": address, "value": hex(FUNDS_WEI)})
    assert isinstance(sent, str)
    mined(node, sent)


def test_its_transactions_are_mined(held: Held, node: Node) -> None:
    funded(node, held.address)
    before = node.balance(RECEIVER)
    for nonce in range(TRANSACTIONS):
        fees = node.fees()
        transaction = Transaction(
            chain_id=node.chain_id(),
            nonce=nonce,
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=50_000,
            to=RECEIVER,
            value=10**15 + nonce,
            data=b"proofdesk"[: nonce * 4],
        )
        signed = assemble(transaction, held.sign(digest(transaction)))
        assert recover_sender(signed.raw) == held.address
        mined(node, node.send_raw(signed.raw))
    assert node.transaction_count(held.address) == TRANSACTIONS
    assert node.balance(RECEIVER) == before + sum(10**15 + nonce for nonce in range(TRANSACTIONS))

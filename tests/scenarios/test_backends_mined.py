"""Signatures of every kind of key are mined on two independent kinds of node: anvil and go-ethereum."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import pytest

from infra.chain.node import Node
from infra.chain.rpc import NodeUnavailable
from infra.chain.world.artefacts import SAFE_PROXY_FACTORY, SAFE_SINGLETON
from infra.ethereum.answers import Receipt
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import packed
from infra.ethereum.safe.transaction import SafeCall
from infra.ethereum.transaction import Signature, Transaction, assemble, digest, recover_sender
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.keys.sealing import TokenSealer
from infra.keys.software import SoftwareKeys
from infra.keys.threshold import Share
from infra.keys.vault import ShareVault
from infra.local_cluster.deadline import Deadline
from schemas.events.lifecycle import Simulated
from schemas.examples import example
from schemas.keys import KeyHolder, SafeAccount
from streams.judging.installation import EnclaveSettings
from streams.signing.backends.contract import Made, Signer, Task
from streams.signing.backends.hsm import HsmSigner
from streams.signing.backends.software import SoftwareSigner
from tests.infra.chain.geth import geth, why_not
from tests.infra.keys.ring import generated, refreshed, signed
from tests.world.chain.local_chain import anvil
from tests.world.chain.safe_scene import ANNA, BRUNO, CLARA, SafeScene, deployed

pytestmark = [pytest.mark.chain, pytest.mark.cluster, pytest.mark.shares, pytest.mark.token]

KEY_ID: Final = "treasury-1"
RECEIVER: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
FUNDS_WEI: Final = 10**18
WEI: Final = 10**15
"""Of one payment."""
TRANSACTIONS: Final = 3
MINED_SECONDS_MAX: Final = 15
SALTS: Final = itertools.count()


@dataclass(frozen=True, slots=True)
class Held:
    """A key, and the backend that signs with it."""

    backend: Literal["software", "hsm", "mpc", "hybrid"]
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


def in_a_file(folder: Path) -> Iterator[Held]:
    """For development only, which has to be said."""
    keys = SoftwareKeys(folder / "keys")
    yield Held("software", SoftwareSigner(keys, EnclaveSettings(PROOFDESK_DEVELOPMENT=True)), keys.generate_key(KEY_ID))


@dataclass(frozen=True, slots=True)
class SharesTogether:
    """Shares that sign together in one room; which of them changes with the digest."""

    shares: Mapping[int, Share]
    threshold: int

    def sign(self, task: Task) -> Made:
        """The signatures of as many of them as are needed."""
        groups = list(itertools.combinations(self.shares, self.threshold))
        made = signed(self.shares, groups[task.digest[0] % len(groups)], task.digest)
        return Made(Signature(made.y_parity, made.r, made.s))


@cache
def two_of_three() -> Mapping[int, Share]:
    """The shares of one key. Three of five take a few times as long to make, and sign no differently."""
    return generated(2, 3)


def in_shares(_: Path) -> Iterator[Held]:
    shares = two_of_three()
    yield Held("mpc", SharesTogether(shares, 2), shares[1].address)


def in_sealed_shares(folder: Path) -> Iterator[Held]:
    """Shares of a later epoch than the key's first, each sealed by a key in a token; opened in memory."""
    first = two_of_three()
    with Token.open(initialise(folder)) as token:
        vaults = {}
        for party, share in refreshed(first).items():
            token.generate_sealing_key(f"sealing-{party}")
            vaults[party] = ShareVault(folder / f"shares-{party}", TokenSealer(token, f"sealing-{party}"))
            vaults[party].put(KEY_ID, 2, share)
        opened = {party: vault.get(KEY_ID, 2) for party, vault in vaults.items()}
        yield Held("hybrid", SharesTogether(opened, 2), first[1].address)


BACKENDS: Final = {"software": in_a_file, "hsm": in_a_token, "mpc": in_shares, "hybrid": in_sealed_shares}


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
    deadline = Deadline(MINED_SECONDS_MAX)
    while (receipt := receipt_of(node, transaction_hash)) is None:
        assert not deadline.passed, f"{transaction_hash} is not mined"
        time.sleep(0.02)
    assert receipt.succeeded


def receipt_of(node: Node, transaction_hash: str) -> Receipt | None:
    try:
        return node.receipt(transaction_hash)
    except NodeUnavailable:
        return None


def funded(node: Node, address: str) -> None:
    """Ether from the account that a development chain has, and signs for by itself."""
    accounts = node.rpc.request("eth_accounts")
    assert isinstance(accounts, list)
    sent = node.rpc.request("eth_sendTransaction", {"from": accounts[0], "to": address, "value": hex(FUNDS_WEI)})
    assert isinstance(sent, str)
    mined(node, sent)


def test_its_transactions_are_mined(held: Held, node: Node) -> None:
    funded(node, held.address)
    before, first = node.balance(RECEIVER), node.transaction_count(held.address)
    for nonce in range(first, first + TRANSACTIONS):
        fees = node.fees()
        transaction = Transaction(
            chain_id=node.chain_id(),
            nonce=nonce,
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=50_000,
            to=RECEIVER,
            value=WEI,
            data=b"proofdesk"[: nonce * 4],
        )
        made = assemble(transaction, held.sign(digest(transaction)))
        assert recover_sender(made.raw) == held.address
        mined(node, node.send_raw(made.raw))
    assert node.transaction_count(held.address) == first + TRANSACTIONS
    assert node.balance(RECEIVER) == before + TRANSACTIONS * WEI


@pytest.fixture(scope="module")
def scenes() -> dict[str, SafeScene]:
    """Nodes with Safe's contracts on them, once each."""
    return {}


def with_safes(node: Node, scenes: dict[str, SafeScene]) -> SafeScene:
    if node.name not in scenes:
        for owner in (ANNA, CLARA):
            funded(node, owner.address)
        factory, singleton = (deployed(node, CLARA, each) for each in (SAFE_PROXY_FACTORY, SAFE_SINGLETON))
        scenes[node.name] = SafeScene(node, node.chain_id(), factory, singleton)
    return scenes[node.name]


def test_a_safe_that_it_owns_with_others_pays(held: Held, node: Node, scenes: dict[str, SafeScene]) -> None:
    scene = with_safes(node, scenes)
    owner = KeyHolder(address=held.address, key_backend=held.backend, key_id=KEY_ID)
    account = SafeAccount(threshold=2, owners=[owner, ANNA.holder(), BRUNO.holder()], executor=ANNA.holder())
    safe = scene.established(account, next(SALTS), wei=2 * WEI)
    before = node.balance(RECEIVER)
    call = SafeCall(RECEIVER, WEI, b"", executor_nonce=scene.nonce(ANNA))
    signature = held.sign(safe_transaction.digest(scene.chain_id, safe, call, 0))
    signatures = packed({held.address: signature}, ANNA.address)
    assert scene.send(ANNA, safe, safe_transaction.encode(call, signatures)).succeeded
    assert node.balance(RECEIVER) == before + WEI

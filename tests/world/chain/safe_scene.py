"""Sets up real Safe 1.4.1 contracts on a chain of their own, with owners whose keys the test holds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from coincurve import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from infra.chain.node import Node
from infra.chain.rpc import NodeUnavailable
from infra.chain.world.accounts import created_address
from infra.chain.world.artefacts import SAFE_PROXY_FACTORY, SAFE_SINGLETON, artefact
from infra.ethereum.answers import Receipt
from infra.ethereum.safe.deployment import creation
from infra.ethereum.transaction import Signature, Transaction, assemble, digest
from infra.local_cluster.deadline import Deadline
from schemas.keys import KeyHolder, SafeAccount
from tests.world.chain.local_chain import ETHER, anvil

INCLUSION_SECONDS_MAX: Final = 10
GAS_LIMIT: Final = 6_000_000


@dataclass(frozen=True)
class Owner:
    """A key of the test's."""

    name: str

    @property
    def key(self) -> PrivateKey:
        return PrivateKey(hashlib.sha256(self.name.encode()).digest())

    @property
    def address(self) -> str:
        return to_checksum_address(keccak(self.key.public_key.format(compressed=False)[1:])[-20:])

    def holder(self, backend: Literal["software", "hsm", "mpc", "hybrid"] = "hsm") -> KeyHolder:
        return KeyHolder(address=self.address, key_backend=backend, key_id=self.name)

    def sign(self, hashed: bytes) -> Signature:
        made = self.key.sign_recoverable(hashed, hasher=None)
        return Signature(made[64], int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big"))


ANNA, BRUNO, CLARA = (Owner(name) for name in ("anna", "bruno", "clara"))


def account(owners: Sequence[Owner] = (ANNA, BRUNO, CLARA), threshold: int = 2, executor: Owner = ANNA) -> SafeAccount:
    return SafeAccount(threshold=threshold, owners=[each.holder() for each in owners], executor=executor.holder())


@dataclass(frozen=True)
class SafeScene:
    """A chain with Safe's contracts; every owner has a hundred ether."""

    node: Node
    chain_id: int
    factory: str
    singleton: str

    def send(self, sender: Owner, to: str | None, data: bytes, *, value: int = 0, gas_limit: int = GAS_LIMIT) -> Receipt:
        fees = self.node.fees()
        transaction = Transaction(
            chain_id=self.chain_id,
            nonce=self.node.transaction_count(sender.address),
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=gas_limit,
            to=to,
            value=value,
            data=data,
        )
        return self.sent(assemble(transaction, sender.sign(digest(transaction))).raw)

    def sent(self, raw: bytes) -> Receipt:
        """Hand over a signed transaction and wait for its receipt."""
        return included(self.node, self.node.send_raw(raw))

    def nonce(self, owner: Owner) -> int:
        return self.node.transaction_count(owner.address)

    def established(self, safe: SafeAccount, salt: int = 0, *, wei: int = 10 * ETHER) -> str:
        """Create a Safe by the proxy factory, with some ether in it, and return its address."""
        planned = creation(safe, salt, factory=self.factory, singleton=self.singleton)
        assert self.send(CLARA, planned.factory, planned.data).succeeded
        assert self.send(CLARA, planned.address, b"", value=wei).succeeded
        return planned.address


def deployed(node: Node, deployer: Owner, artefact_name: str) -> str:
    """Create a contract and return its address."""
    scene = SafeScene(node, node.chain_id(), "", "")
    address = created_address(deployer.address, scene.nonce(deployer))
    assert scene.send(deployer, None, artefact(artefact_name).init_code()).succeeded
    return address


def fund(node: Node, *owners: Owner) -> None:
    """A hundred ether each, from the account that a development chain has and signs for by itself."""
    accounts = node.rpc.request("eth_accounts")
    assert isinstance(accounts, list)
    for owner in owners:
        sent = node.rpc.request("eth_sendTransaction", {"from": accounts[0], "to": owner.address, "value": hex(100 * ETHER)})
        assert isinstance(sent, str)
        assert included(node, sent).succeeded


def included(node: Node, transaction_hash: str) -> Receipt:
    """Wait for a receipt: a node answers before it has mined, and one that is just up indexes its transactions first."""
    deadline = Deadline(INCLUSION_SECONDS_MAX)
    while not deadline.passed:
        with suppress(NodeUnavailable):
            if (receipt := node.receipt(transaction_hash)) is not None:
                return receipt
        time.sleep(0.005)
    raise AssertionError("the node mined nothing")


def founded(node: Node) -> SafeScene:
    """Safe's contracts, and owners with money, on a chain of whatever node."""
    fund(node, ANNA, BRUNO, CLARA)
    factory, singleton = (deployed(node, CLARA, name) for name in (SAFE_PROXY_FACTORY, SAFE_SINGLETON))
    return SafeScene(node, node.chain_id(), factory, singleton)


@contextmanager
def safe_scene() -> Iterator[SafeScene]:
    """A fresh chain with the contracts on it."""
    with anvil() as url, Node(url) as node:
        yield founded(node)

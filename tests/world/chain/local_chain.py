"""Starts a real anvil, with a trader in the local world on it."""

from __future__ import annotations

import itertools
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.chain.node import Node
from infra.chain.rpc import NodeUnavailable
from infra.chain.world.accounts import WorldAccount
from infra.chain.world.market import Market
from infra.ethereum.answers import Receipt
from infra.ethereum.calldata import ExactInputSingle, encode
from infra.ethereum.trace import Effects, effects
from infra.ethereum.transaction import Transaction
from infra.local_cluster.deadline import Deadline

# Published BIP-39 test vectors (trezor/python-mnemonic). Uniswap keeps tokens in the order of their addresses,
# and both orders must come out the same.
WETH_FIRST = "legal winner thank year wave sausage worth useful legal winner thank yellow"
USDC_FIRST = "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
TRADER = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"
USDC = 10**6
ETHER = 10**18
NODE_MODULES = Path(__file__).parents[3] / "node_modules"
# Clients' ephemeral ports begin at 32768 and would take a listener's port while it is down.
PORTS = range(20_000, 32_768)
BOOT_SECONDS_MAX = 20
INCLUSION_SECONDS_MAX = 10


def free_port(beside: int = 0) -> int:
    """A port that nobody listens on, and another than `beside`."""
    # Two test runs at the same time start looking in different places.
    start = PORTS[os.getpid() % len(PORTS)]
    for port in itertools.chain(range(start, PORTS.stop), range(PORTS.start, start)):
        with socket.socket() as probe:
            if port != beside and probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no free port")


def anvil_binary() -> Path:
    system = platform.system().lower()
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine().lower()]
    return NODE_MODULES / f"@foundry-rs/anvil-{system}-{machine}/bin/anvil"


@contextmanager
def anvil(port: int | None = None) -> Iterator[str]:
    port = port or free_port()
    process = subprocess.Popen([anvil_binary(), "--port", str(port), "--quiet"], stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = Deadline(BOOT_SECONDS_MAX)
        with Node(url) as node:
            while True:
                try:
                    node.chain_id()
                    break
                except NodeUnavailable:
                    assert process.poll() is None, "anvil exited"
                    assert not deadline.passed, "anvil did not come up"
                    time.sleep(0.02)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@dataclass(frozen=True)
class Trader:
    """A customer of NewSwap: 60 million USDC, 100 ether, and the router may draw the USDC."""

    market: Market
    account: WorldAccount

    @property
    def address(self) -> str:
        return self.account.address

    def transaction(self, to: str, data: bytes, *, value: int = 0, gas_limit: int = 2_000_000) -> Transaction:
        node, fees = self.market.node, self.market.node.fees()
        return Transaction(
            chain_id=self.market.world.chain_id,
            nonce=node.transaction_count(self.address, "pending"),
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=gas_limit,
            to=to,
            value=value,
            data=data,
        )

    def buy_weth(self, usdc: int) -> Transaction:
        world = self.market.world
        swap = ExactInputSingle(
            token_in=world.usdc.address,
            token_out=world.weth.address,
            fee=world.newswap.fee,
            recipient=self.address,
            deadline=2**40,
            amount_in=usdc,
            amount_out_minimum=0,
            sqrt_price_limit_x96=0,
        )
        return self.transaction(world.newswap.router, encode(swap))

    def simulate(self, transaction: Transaction) -> Effects:
        node = self.market.node
        return effects(node.trace_call(self.address, transaction, node.head()), wrapped_native=[self.market.world.weth.address])

    def execute(self, transaction: Transaction) -> Receipt:
        node = self.market.node
        transaction_hash = node.send_raw(self.account.sign(transaction).raw)
        deadline = Deadline(INCLUSION_SECONDS_MAX)
        while (receipt := node.receipt(transaction_hash)) is None:
            assert not deadline.passed, "not included"
            time.sleep(0.005)
        return receipt

"""The participants of the scenario and their views: clients of the gateway, the market, and the chain itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from commands.client import (
    AuthenticatorFile,
    Ed25519KeyFile,
    ProofdeskClient,
    ShownOrder,
)
from infra.chain.node import Node
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.description import World
from infra.chain.world.description import load as load_world
from infra.chain.world.market import Market
from infra.hsm.token import Token
from infra.identity.private_file import read_private
from infra.local_cluster.deadline import Deadline
from infra.settings.description import ClusterDescription
from streams.samples.institution import SYSTEM, SYSTEM_KEY, WALLET, Institution, institution_of
from tests.scenarios.newswap.steps import NotHeld

WAIT_SECONDS_MAX: Final = 30.0
LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Cast:
    """Everybody and everything in the scenario."""

    description: ClusterDescription

    @cached_property
    def institution(self) -> Institution:
        """The people's and systems' keys."""
        return institution_of(self.description)

    @cached_property
    def world(self) -> World:
        """The contracts on the local chain."""
        return load_world(self.description.world_file)

    @cached_property
    def market(self) -> Market:
        """The other side: arbitrage and money."""
        accounts = WorldAccounts.from_mnemonic(read_private(self.description.mnemonic_file).decode().strip())
        return Market(Node(self.description.node), self.world, accounts)

    @cached_property
    def wallet(self) -> str:
        """The address of the treasury's wallet."""
        with Token.open(self.description.token.settings) as token:
            return token.address(WALLET)

    @cached_property
    def reader(self) -> ProofdeskClient:
        """Somebody who only looks."""
        return ProofdeskClient(self.description.http)

    def person(self, name: str) -> ProofdeskClient:
        """A person with their software authenticator."""
        return ProofdeskClient(self.description.http, name, AuthenticatorFile(self.institution.authenticator_file(name)))

    @cached_property
    def system(self) -> ProofdeskClient:
        """The treasury's own system."""
        return ProofdeskClient(self.description.http, SYSTEM, Ed25519KeyFile(self.institution.system_key_file, SYSTEM_KEY))

    def balances(self) -> dict[str, int]:
        """The wallet's tokens on chain, in base units, by token address."""
        tokens = (self.world.usdc.address, self.world.weth.address)
        return {token: self.market.token_balance(token, self.wallet) for token in tokens}

    def nonce(self) -> int:
        """The wallet's transaction count on the chain."""
        return self.market.node.transaction_count(self.wallet)

    def events(self, order_id: str) -> list[dict[str, Any]]:
        """An order's timeline as the read side shows it."""
        links: list[dict[str, Any]] = self.reader.read(f"/v1/orders/{order_id}/events")["links"]
        return links

    def event(self, order_id: str, topic: str) -> dict[str, Any]:
        """The content of an order's one event on `topic`."""
        found: list[dict[str, Any]] = [link["event"] for link in self.events(order_id) if link["topic"] == topic]
        if len(found) != 1:
            raise NotHeld(f"order {order_id} has {len(found)} events on {topic}")
        return found[0]

    def until(self, order_id: str, states: Collection[str]) -> ShownOrder:
        """The order once the read side shows it in one of `states`.

        Raises:
            NotHeld: it does not get there in `WAIT_SECONDS_MAX`.
        """
        shown: list[ShownOrder] = []

        def arrived() -> bool:
            shown[:] = [order for order in self.reader.list(most=200) if order.order_id == order_id]
            return bool(shown) and shown[0].state in states

        if not wait(arrived):
            at = shown[0].state if shown else "not shown"
            why = "; ".join(finding.message for finding in shown[0].findings) if shown else ""
            raise NotHeld(f"order {order_id} is {at}, not {' or '.join(states)} {why}")
        return shown[0]


def wait(condition: Callable[[], bool], seconds: float = WAIT_SECONDS_MAX) -> bool:
    """True if `condition` came true within `seconds`."""
    deadline = Deadline(seconds)
    while not deadline.passed:
        if condition():
            return True
        time.sleep(LOOK_SECONDS)
    return False

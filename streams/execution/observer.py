"""Gathers execution's inputs from outside: governance, independent prices, and the node's trace of the exact transaction.

Decides when the node is asked: never for an order that its standing alone answers, and at growing intervals for one that waits.
A node that is away, or that refuses to trace, is waited for; the order stays uncommitted and is offered again. All data is read
at one block, by its hash. The call is traced twice (`tracing`): without a minimum, which measures its gas and its loss, then
the exact bytes to sign. Leaves out every judgement (`judgement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from infra.chain.node import Node
from infra.chain.rpc import NodeRefused, NodeUnavailable
from infra.ethereum.answers import AnswerUnreadable
from schemas.events.base import FirmEvent
from schemas.events.facts import PriceFact
from schemas.events.governance import PolicyActivated, WalletAssigned
from schemas.events.lifecycle import Approved, Signed, SigningRefused
from schemas.events.observations import PriceObserved
from schemas.orders import Swap
from schemas.topics import GOVERNANCE_TOPICS
from schemas.values import AssetId, Instant
from streams.engine.backoff import Backoff, Intervals
from streams.execution.tracing import ground
from streams.rules.actions.compilation import compile_call
from streams.rules.actions.compiled import NotCompilable, unprotected
from streams.rules.decider import Later, Received, References
from streams.rules.firm.view import Governance, GovernanceFold
from streams.rules.prices.latest import Prices
from streams.rules.transactions import assembly
from streams.rules.transactions.assembly import FeesTooHigh
from streams.rules.transactions.execution import Input, claimed, next_nonce, standing
from streams.rules.transactions.nonces import Wallets
from streams.rules.transactions.safe_wrapping import carried
from streams.rules.transactions.simulation import Simulation

REFERENCE_TOPICS: Final = (*GOVERNANCE_TOPICS, "price-observed")
ASKING: Final = Intervals(first_ms=10, longest_ms=1_000)
"""Between two simulations of one order."""
AWAY: Final = Intervals(first_ms=50, longest_ms=1_000)
"""Between two questions to a node that gave no answer."""

log = structlog.get_logger(__name__)


class NotYet(Exception):
    """Something that a simulation needs is still to come."""


class ExecutionObserver:
    """Makes the simulations. `nodes` by chain id."""

    def __init__(self, references: References, nodes: Mapping[int, Node]) -> None:
        self._references = references
        self._nodes = nodes
        self._governance = GovernanceFold()
        self._prices = Prices()
        self._patience = Backoff()

    def accept(self, received: Received) -> None:
        """Take in one reference record."""
        match received.record:
            case FirmEvent() as event:
                self._governance.accept(event)
            case PriceObserved() as observed:
                self._prices.accept(observed, received.offset)

    def refresh(self) -> None:
        """Take in new governance events and prices."""
        for received in self._references.poll():
            self.accept(received)

    def read(self, state: Wallets, received: Received, now: Instant) -> Input | Later:
        """Return a signer's answer as it is; an approved order with its simulation, or bare if none is needed."""
        match received.record:
            case Signed() | SigningRefused() as answer:
                return answer
            case Approved() as approved:
                return approved if standing(state, approved) is not None else self._attempt(state, approved, now)
        raise TypeError(f"{received.topic} is no input of execution")

    def _attempt(self, state: Wallets, approved: Approved, now: Instant) -> Input | Later:
        chain = f"chain {approved.effect.chain_id}"
        if not (self._patience.due(approved.order_id, now) and self._patience.due(chain, now)):
            return Later("asked a moment ago")
        self._patience.asked(approved.order_id, now, ASKING)
        try:
            simulation = self._simulate(state, approved)
        except NotYet as fault:
            log.info("an approved order waits", order_id=approved.order_id, reason=str(fault))
            return Later(str(fault))
        except NodeUnavailable as fault:
            # One time-out an interval, however many orders wait: the loop must go on.
            self._patience.asked(chain, now, AWAY)
            log.warning("the node is away", chain=chain, reason=str(fault))
            return Later(str(fault))
        except (NodeRefused, AnswerUnreadable, FeesTooHigh, NotCompilable) as fault:
            # None of these need pass by itself: a person has to look, and the order must not be lost until then.
            log.warning("an approved order cannot be simulated now", order_id=approved.order_id, reason=str(fault))
            return Later(str(fault))
        self._patience.settled(chain)
        return simulation

    def _policy_at(self, approved: Approved) -> tuple[Governance, PolicyActivated]:
        """Return governance, no older than what the desk decided on."""
        governance = self._governance.view
        if governance.policy is None or governance.position < approved.governance_position:
            raise NotYet(f"governance is at {governance.position}, the approval at {approved.governance_position}")
        return governance, governance.policy

    def _prices_of(self, approved: Approved, governance: Governance) -> tuple[PriceFact, ...]:
        """Return the prices of what a swap gives and takes; nothing else needs any."""
        action = approved.order.action
        if not isinstance(action, Swap):
            return ()
        return tuple(self._price(governance, asset_id) for asset_id in (action.asset_id, action.buy_asset_id))

    def _price(self, governance: Governance, asset_id: AssetId) -> PriceFact:
        asset = governance.assets.get(asset_id)
        price = None if asset is None else self._prices.fact(asset)
        if price is None:
            raise NotYet(f"there is no independent price of {asset_id}")
        return price

    def _node(self, chain_id: int) -> Node:
        node = self._nodes.get(chain_id)
        if node is None:
            raise NotYet(f"no node of chain {chain_id} is configured")
        return node

    def _simulate(self, state: Wallets, approved: Approved) -> Simulation:
        effect = approved.effect
        governance, policy = self._policy_at(approved)
        prices, node = self._prices_of(approved, governance), self._node(effect.chain_id)
        call = compile_call(approved.order, governance, approved, prices)
        block = node.head()
        on = ground(node, block, self._wallet_of(approved, governance))
        account_nonce = on.account_nonce
        nonce = next_nonce(state, approved, account_nonce)
        measured = on.measured(unprotected(call), nonce)
        transaction = assembly.assemble(
            effect.chain_id,
            carried(call, on.wallet, nonce),
            nonce=nonce,
            gas=assembly.gas_limit(measured.gas_used),
            fees=node.fees(),
            claimed=claimed(state, approved),
        )
        return Simulation(
            approved=approved,
            governance=governance,
            settings=policy.settings,
            prices=prices,
            block=block,
            account_nonce=account_nonce,
            transaction=transaction,
            exact=on.exact(transaction),
            measured=measured,
            safe_nonce=on.safe_nonce,
        )

    def _wallet_of(self, approved: Approved, governance: Governance) -> WalletAssigned:
        """Return the wallet as it was approved: one that was given another address since is found, and has no Safe here."""
        wallet = governance.wallets[approved.order.wallet_id]
        if wallet.address == approved.effect.wallet:
            return wallet
        return wallet.model_copy(update={"address": approved.effect.wallet, "key_backend": "hsm", "safe": None})

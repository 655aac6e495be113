"""Given, when, then: the desk on one partition, with the engine's own chaining under it.

    given(FIRM, initiate("o1", transfer("40000"))).when(approve("o1", by="rita")).then("approval-given", "approved")

Steps name orders by short names; people sign with their own keys. After every step the log is read back and folded again: what
the desk knows must be exactly what its events say, through Avro and through a snapshot.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Self, TypeVar

from pydantic import TypeAdapter

from schemas import wire
from schemas.canonical import child_order_id, command_digest, order_id
from schemas.commands import (
    Body,
    CancelOrder,
    Command,
    DeclineApproval,
    GiveApproval,
    InitiateOrder,
    SplitOrder,
    TryOrder,
    WithdrawApproval,
)
from schemas.events.answers import CommandRejected
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import Confirmed, PolicyEvaluated, Reverted, SigningRefused, Simulated
from schemas.examples import example
from schemas.hash_chain import Link, digest_of, verify
from schemas.orders import Action, ApproveToken, Call, Deposit, Swap, Transfer, Withdraw
from schemas.partitioning import desk_partition
from schemas.topics import TOPIC_OF
from schemas.values import Record
from streams.desk.observer import INPUTS, OUTPUTS
from streams.engine.partition import Partition
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Processor, Received, Recorded
from streams.rules.limits.ledger import account_key
from streams.rules.limits.windows import Window
from streams.rules.orders.decider import DeskDecider, Message
from streams.rules.orders.state import DeskState, OpenOrder
from streams.rules.pages import Page
from streams.rules.refusals.orders import Refused
from tests.world.firm.desk import CUSTODIAN, EARN, FIRM, NOW, VENUE, Fido2Key, Firm, MachineKey

DESK: Final = "newswap"
NAMES: Final = uuid.UUID("00000000-0000-4000-8000-000000000001")
_STATE: Final = TypeAdapter(DeskState)

E = TypeVar("E", bound=Event)
Step = Callable[["Specification"], Received]


def named(name: str) -> str:
    """The command id behind a short name."""
    return str(uuid.uuid5(NAMES, name))


NOBODYS: Final = str(uuid.uuid5(NAMES, "an order that nobody placed"))


class _Outside:
    """The observer of a specification: whatever the firm is now."""

    def __init__(self, spec: Specification) -> None:
        self._spec = spec

    def refresh(self) -> None:
        """Nothing arrives by itself."""

    def read(self, _state: DeskState, received: Received, _now: int) -> Message:
        return Message(received, self._spec.firm.circumstances())


@dataclass
class Specification:
    """A desk, what has been said on its log, and what the last step led to."""

    firm: Firm = FIRM
    now: int = NOW
    log: list[ChainedEvent] = field(default_factory=list)
    outcome: list[ChainedEvent] = field(default_factory=list)
    keys: dict[str, Fido2Key] = field(default_factory=dict)
    sent: dict[str, Command] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    """The order's id by the name of the first command of that name."""
    offset: int = 0
    links: dict[str, Link] = field(default_factory=dict)
    """The last link of each order, whoever wrote it."""

    def __post_init__(self) -> None:
        self.processor = Processor("desk", INPUTS, OUTPUTS, DeskDecider(), _Outside(self))
        self.partition: Partition[DeskState, Message] = Partition(self.processor, desk_partition(DESK.encode()))

    # Steps ----------------------------------------------------------------------------------------------------------

    def given(self, *steps: Step) -> Self:
        """Sets the history."""
        for step in steps:
            self.when(step)
        return self

    def when(self, step: Step) -> Self:
        """One more input."""
        self._take(self.partition.offer(step(self), self.now))
        return self

    def after(self, seconds: float) -> Self:
        """Time passes, and the clock is looked at."""
        self.now += int(seconds * 1_000_000)
        self._take(self.partition.tick(self.now))
        return self

    def at(self, firm: Firm) -> Self:
        """Governance or prices change."""
        self.firm = firm
        return self

    # Expectations -----------------------------------------------------------------------------------------------------

    def then(self, *topics: str) -> Self:
        """The last step led to events on exactly these topics, in this order."""
        assert tuple(chained.topic for chained in self.outcome) == topics, self.last_outcome()
        return self

    def then_nothing(self) -> Self:
        """The last step was worth no event."""
        return self.then()

    def then_rejected(self, refusal: type[Refused], *words: str) -> Self:
        """The command was refused by this check, in these words, and the sender is told what would help."""
        self.then("command-rejected")
        event = self.only(CommandRejected)
        assert event.refusal.check == refusal.check, self.last_outcome()
        assert event.governance_position == self.firm.governance.position
        assert event.refusal.remedy
        for word in words:
            assert word in event.refusal.message + event.refusal.remedy, event.refusal
        return self

    def then_refused(self, *checks: str) -> Self:
        """The order was taken in and closed, by exactly these checks."""
        self.then("order-initiated", "policy-evaluated", "order-closed")
        assert [refusal.check for refusal in self.only(PolicyEvaluated).refusals] == list(checks), self.last_outcome()
        return self

    # Looking ----------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> DeskState:
        return self.partition.state

    def order_id(self, name: str) -> str:
        """The id of the order that the command of that name initiated: `o1`, or `o1/0` for its first part."""
        parent, _, index = name.partition("/")
        whole = self.placed.get(parent, NOBODYS)
        return child_order_id(whole, int(index)) if index else whole

    def order(self, name: str) -> OpenOrder:
        """An open order."""
        return self.state.orders[self.order_id(name)]

    def is_open(self, name: str) -> bool:
        return self.order_id(name) in self.state.orders

    def only(self, kind: type[E], name: str | None = None) -> E:
        """The one event of a kind among those of the last step, of an order if one is named."""
        found = [s.recorded.event for s in self.outcome if isinstance(s.recorded.event, kind)]
        if name is not None:
            found = [event for event in found if event.order_id == self.order_id(name)]  # type: ignore[attr-defined]
        assert len(found) == 1, self.last_outcome()
        return found[0]

    def used(self, limit_id: str, scope_key: str, window_seconds: int = 86_400) -> Decimal:
        """A limit's usage now, in US dollars."""
        window = Window("rolling", window_seconds, "")
        used = self.state.desk(DESK).ledger.used(account_key(limit_id, scope_key), window.begins(self.now))
        return Decimal(used).scaleb(-6)

    def last_outcome(self) -> str:
        """The last outcome, for a failure's message."""
        return "\n".join(str(chained.recorded.event) for chained in self.outcome) or "nothing"

    # Inside -----------------------------------------------------------------------------------------------------------

    def key(self, principal: str) -> Fido2Key:
        return self.keys.setdefault(principal, Fido2Key(principal))

    def received(self, record: Record, key: str = DESK, partition: int | None = None) -> Received:
        """A record as it comes from its topic."""
        value = wire.encode(record)
        topic = TOPIC_OF[type(record)].name
        number = self.partition.number if partition is None else partition
        self.offset += 1
        return Received(topic, number, self.offset, key.encode(), value, digest_of(value), wire.decode(topic, value))

    def _take(self, outcome: list[ChainedEvent]) -> None:
        self.outcome = outcome
        self.log += outcome
        for chained in outcome:
            event = chained.recorded.event
            if isinstance(event, OrderEvent):
                self.links[event.order_id] = Link(event.sequence, chained.recorded.digest)
        self._check_fold()

    def _check_fold(self) -> None:
        """The log alone restores what the desk knows; so does a snapshot."""
        again: Partition[DeskState, Message] = Partition(self.processor, self.partition.number)
        for chained in self.log:
            event: Any = wire.decode(chained.topic, chained.value)
            again.replay(Recorded(chained.topic, event, chained.recorded.digest), "", 0)
        again.replayed()
        assert again.state == self.state
        assert all(self.state.expires(name, at) for at, name in self.state.expiries[:1]), "the next expiry cannot happen"
        pages: dict[str, Page] = {}
        written = _STATE.dump_json(self.state, context=pages)
        assert _STATE.validate_json(written, context=pages) == self.state


def given(firm: Firm = FIRM, *steps: Step) -> Specification:
    """A desk of `firm`, after `steps`."""
    return Specification(firm).given(*steps)


# What is asked for ----------------------------------------------------------------------------------------------------


def transfer(amount: str, asset: str = "USDC", to: str = CUSTODIAN) -> Transfer:
    return Transfer(asset_id=asset, amount=Decimal(amount), destination=to)


def swap(amount: str, asset: str = "USDC", buy: str = "WETH", venue: str = VENUE) -> Swap:
    return Swap(asset_id=asset, amount=Decimal(amount), buy_asset_id=buy, venue=venue, pool_fee=100, max_slippage=100)


def allowance(amount: str, asset: str = "USDC", spender: str = VENUE) -> ApproveToken:
    return ApproveToken(asset_id=asset, amount=Decimal(amount), spender=spender)


def deposit(amount: str, asset: str = "USDC", vault: str = EARN) -> Deposit:
    return Deposit(asset_id=asset, amount=Decimal(amount), vault=vault)


def withdrawal(amount: str, asset: str = "USDC", vault: str = EARN) -> Withdraw:
    return Withdraw(asset_id=asset, amount=Decimal(amount), vault=vault)


def call(function: str = "claim()", amount: str = "0", asset: str = "USDC", contract: str = VENUE) -> Call:
    return Call(asset_id=asset, amount=Decimal(amount), contract=contract, function=function, arguments=[])


# Steps that people and systems take -----------------------------------------------------------------------------------


def signed(spec: Specification, name: str, by: str, body: Body, **changes: Any) -> Command:
    """A command, signed with its sender's key."""
    authorization = example(Command).authorization
    shape = {"command_id": named(name), "desk_id": DESK, "principal": by, "issued_at": spec.now, "body": body}
    unsigned = Command(**(shape | {"authorization": authorization} | changes))
    digest = bytes.fromhex(body.approval_hash) if isinstance(body, GiveApproval) else command_digest(unsigned)
    access = spec.firm.governance.principals.get(by)
    machine = access is not None and access.kind == "system"
    confirmed = MachineKey(by).confirm(digest) if machine else spec.key(by).confirm(digest)
    command = unsigned.model_copy(update={"authorization": confirmed})
    spec.sent[name] = command
    spec.placed.setdefault(name, order_id(command.desk_id, command_digest(command)))
    return command


def initiate(name: str, action: Action, by: str = "paula", wallet: str = "treasury-1", **changes: Any) -> Step:
    """Ask for an order."""
    body = InitiateOrder(wallet_id=wallet, action=action)
    return lambda spec: spec.received(signed(spec, name, by, body, **changes))


def approve(order: str, by: str, approval_hash: str | None = None, name: str | None = None, **changes: Any) -> Step:
    """Approve an order as it stands, or another hash."""

    def step(spec: Specification) -> Received:
        found = spec.state.orders.get(spec.order_id(order))
        asked = found.approval_hash if found is not None else None
        body = GiveApproval(order_id=spec.order_id(order), approval_hash=approval_hash or asked or "0" * 64)
        return spec.received(signed(spec, name or f"{by} approves {order}", by, body, **changes))

    return step


def decline(order: str, by: str, reason: str = "too much") -> Step:
    def body(spec: Specification) -> DeclineApproval:
        return DeclineApproval(order_id=spec.order_id(order), reason=reason)

    return lambda spec: spec.received(signed(spec, f"{by} declines {order}", by, body(spec)))


def withdraw(order: str, by: str, name: str | None = None) -> Step:
    """Take an approval back."""

    def body(spec: Specification) -> WithdrawApproval:
        return WithdrawApproval(order_id=spec.order_id(order), reason="second thoughts")

    return lambda spec: spec.received(signed(spec, name or f"{by} withdraws {order}", by, body(spec)))


def attempt(name: str, action: Action, by: str = "paula", wallet: str = "treasury-1", **changes: Any) -> Step:
    """Ask what would be decided of an order."""
    body = TryOrder(wallet_id=wallet, action=action)
    return lambda spec: spec.received(signed(spec, name, by, body, **changes))


def cancel(order: str, by: str = "paula", name: str | None = None) -> Step:
    def body(spec: Specification) -> CancelOrder:
        return CancelOrder(order_id=spec.order_id(order), reason="not needed")

    return lambda spec: spec.received(signed(spec, name or f"{by} cancels {order}", by, body(spec)))


def split(order: str, *amounts: str, by: str = "paula", name: str | None = None) -> Step:
    def body(spec: Specification) -> SplitOrder:
        return SplitOrder(order_id=spec.order_id(order), amounts=[Decimal(amount) for amount in amounts])

    return lambda spec: spec.received(signed(spec, name or f"{by} splits {order}", by, body(spec)))


def again(name: str) -> Step:
    """The same command once more, byte for byte."""
    return lambda spec: spec.received(spec.sent[name])


# Steps that other processors take -------------------------------------------------------------------------------------


def _link(spec: Specification, event: OrderEvent, name: str) -> Received:
    """An event of another writer, as the next link of the order's chain."""
    order = spec.order_id(name)
    tail = spec.links.get(order, Link())
    linked = event.model_copy(
        update={"desk_id": DESK, "order_id": order, "sequence": tail.sequence + 1, "previous_hash": tail.digest}
    )
    received = spec.received(linked)
    spec.links[order] = Link(linked.sequence, received.digest)
    return received


def simulated(order: str, verdict: str = "flagged", **changes: Any) -> Step:
    event = example(Simulated).model_copy(update={"verdict": verdict} | changes)
    return lambda spec: _link(spec, event, order)


def confirmed(order: str) -> Step:
    return lambda spec: _link(spec, example(Confirmed), order)


def reverted(order: str) -> Step:
    return lambda spec: _link(spec, example(Reverted), order)


def not_signed(order: str) -> Step:
    return lambda spec: _link(spec, example(SigningRefused), order)


def chain_of(spec: Specification, name: str) -> list[OrderEvent]:
    """An order's own chain from the desk's log, verified; only where no other writer took part."""
    order = spec.order_id(name)
    links = [
        (chained.recorded.event, chained.value)
        for chained in spec.log
        if isinstance(chained.recorded.event, OrderEvent) and chained.recorded.event.order_id == order
    ]
    verify(links)
    return [event for event, _ in links]

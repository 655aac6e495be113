"""Refuses orders without a signed command, facts that differ from the log's, and limits that only the desk counted."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from schemas.canonical import command_digest
from schemas.commands import CancelOrder, Command, InitiateOrder, SplitOrder
from schemas.events.base import Event, OrderEvent
from schemas.events.facts import BreakerFact, ContractFact, Facts, LimitFact
from schemas.events.lifecycle import Approved, OrderClosed, OrderInitiated, PolicyEvaluated, Simulated
from schemas.events.limits import LimitReserved
from schemas.orders import Order
from schemas.partitioning import desk_partition
from tests.world.firm import governance as firm
from tests.world.firm.desk import Fido2Key
from tests.world.firm.governance import VENUE
from tests.world.line.forgery import Change, Examined, everywhere, examined, facts, fields, rewritten, where
from tests.world.line.line import Line
from tests.world.line.scenery import (
    NEVER_ORDERED,
    NUMBER,
    STRANGER,
    address_of,
    genesis,
    limit,
    named,
    orders_named,
    pay,
    remember,
)

HOUR = 3_600_000_000


def ordered(change: Callable[[Order], Order], name: str = "o1") -> Change:
    """Another order in initiation and approval alike."""

    def make(event: Event) -> Event:
        if isinstance(event, OrderInitiated | Approved) and event.order_id in orders_named(name):
            return event.model_copy(update={"order": change(event.order)})
        return event

    return make


def acting(**changes: object) -> Callable[[Order], Order]:
    return lambda order: order.model_copy(update={"action": order.action.model_copy(update=changes)})


def commanded(make: Callable[[Command], Command], name: str = "o1") -> Change:
    return where(OrderInitiated, name, lambda e: e.model_copy(update={"command": make(e.command)}))


def resigned(command: Command) -> Command:
    """The same command, really signed again by who sent it."""
    return command.model_copy(update={"authorization": Fido2Key(command.principal).confirm(command_digest(command))})


def limited(make: Callable[[LimitFact], LimitFact]) -> Change:
    """Other limit facts in evaluation and approval alike."""
    return everywhere("o1", lambda f: f.model_copy(update={"limits": [make(limit) for limit in f.limits]}))


def reserving(usd: str) -> Change:
    """The desk holds back next to nothing of every limit, and says that no more was asked for."""

    def change(event: Event) -> Event:
        if getattr(event, "order_id", "") not in orders_named("o1"):
            return event
        if isinstance(event, LimitReserved):
            held = [each.model_copy(update={"amount_usd": Decimal(usd)}) for each in event.reserved]
            return event.model_copy(update={"reserved": held})
        if isinstance(event, PolicyEvaluated):
            asked = [
                each.model_copy(update={"requested_usd": Decimal(usd)}) if each.kind == "rolling" else each
                for each in event.facts.limits
            ]
            return facts(limits=asked)(event)  # type: ignore[no-any-return]
        return event

    return change


BREAKER = BreakerFact(scope="desk", subject="newswap", state="open", tripped_at=0)
TARGET = ContractFact(address=STRANGER, listed=True, name="Custodian", listed_at=0)

ATTACKS: dict[str, tuple[Change, str]] = {
    "another amount": (ordered(acting(amount=Decimal(1_001))), "command"),
    "another receiver": (ordered(acting(destination=STRANGER)), "command"),
    "another initiator": (ordered(lambda order: order.model_copy(update={"initiator": "rita"})), "command"),
    "another wallet of the desk": (ordered(lambda order: order.model_copy(update={"wallet_id": "treasury-2"})), "command"),
    "a memo that nobody wrote": (ordered(lambda order: order.model_copy(update={"memo": "urgent"})), "command"),
    "approved over another amount": (
        where(Approved, "o1", lambda a: a.model_copy(update={"order": acting(amount=Decimal(999))(a.order)})),
        "command",
    ),
    "a command of another id": (commanded(fields(command_id=named("o9"))), "command"),
    "a command that somebody else signed": (
        commanded(lambda c: c.model_copy(update={"authorization": Fido2Key("rita").confirm(command_digest(c))})),
        "command",
    ),
    "a command to another desk": (commanded(lambda c: resigned(c.model_copy(update={"desk_id": "other"}))), "command"),
    "an old command": (commanded(lambda c: resigned(fields(issued_at=c.issued_at - HOUR)(c))), "command"),
    "a command from the future": (commanded(lambda c: resigned(fields(issued_at=c.issued_at + HOUR)(c))), "command"),
    "a command to cancel": (
        commanded(lambda c: resigned(fields(body=CancelOrder(order_id=NEVER_ORDERED))(c))),
        "command",
    ),
    "a part of nothing": (
        ordered(lambda order: order.model_copy(update={"parent_order_id": NEVER_ORDERED})),
        "command",
    ),
    "another effect": (
        everywhere("o1", lambda f: f.model_copy(update={"effect": f.effect.model_copy(update={"counterparty": STRANGER})})),
        "effect",
    ),
    "roles that governance did not give": (everywhere("o1", fields(initiator_roles=["trader"])), "facts"),
    "another site": (everywhere("o1", fields(initiator_site="london")), "facts"),
    "a worth of one dollar": (everywhere("o1", fields(amount_usd=Decimal(1))), "facts"),
    "another amount in base units": (everywhere("o1", fields(amount=1)), "facts"),
    "another target": (everywhere("o1", fields(target=TARGET)), "facts"),
    "a target that was listed before": (
        everywhere("o1", lambda f: f.model_copy(update={"target": f.target.model_copy(update={"listed_at": 0})})),
        "facts",
    ),
    "findings that are not shown": (
        everywhere("o1", lambda f: f.model_copy(update={"target": f.target.model_copy(update={"open_findings": 1})})),
        "facts",
    ),
    "an open breaker": (everywhere("o1", fields(breakers=[BREAKER])), "facts"),
    "another policy": (everywhere("o1", fields(policy_hash="0" * 64)), "facts"),
    "evaluated at another time": (
        everywhere("o1", lambda f: f.model_copy(update={"evaluated_at": f.evaluated_at + 1})),
        "facts",
    ),
    "no price": (everywhere("o1", fields(prices=[])), "facts"),
    "limits with more room": (limited(lambda limit: limit.model_copy(update={"cap_usd": limit.cap_usd * 2})), "limits"),
    "limits with a shorter window": (limited(lambda limit: limit.model_copy(update={"window_seconds": 1})), "limits"),
    "limits of somebody else": (limited(lambda limit: limit.model_copy(update={"scope_key": "trader:rita"})), "limits"),
    "no limits": (everywhere("o1", fields(limits=[])), "limits"),
    "a reservation of a dollar": (reserving("1"), "limits"),
    "a reservation beyond all numbers": (reserving("1000000000000000"), "limits"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_order_that_cannot_be_derived_again_is_refused_by_the_check_that_sees_it(paid: Line, name: str) -> None:
    forge, check = ATTACKS[name]
    found = examined(rewritten(paid.records, forge), paid.now)
    assert found.of("o1") == check, found.messages
    assert found.digests == []


def test_a_limit_that_was_passed_is_refused_whatever_the_desk_recorded() -> None:
    """The desk forgets what was used, in its state and so in what it writes."""
    line = Line(genesis(policy=firm.policy(limits=[limit("trader-day", "2000")])))
    for number in range(3):
        line.send(f"o{number}", pay("1500"))
        line.run()
        line.workers["desk"].partition.state.desks["newswap"].ledger.accounts.clear()
    assert [line.outcome(f"o{number}") for number in range(3)] == ["signed", "limits", "limits"]


def test_a_desk_that_reckons_rightly_and_goes_over_all_the_same_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    line.send("o1", pay("6000001"))
    with monkeypatch.context() as taken_over:
        taken_over.setattr("streams.rules.orders.judging.judgement.refusals", lambda _: [])
        line.run("desk")
        line.approve("o1", "cora")
        line.run("desk", "execution")
    line.run("signer")
    assert line.outcome("o1") == "limits"


def test_a_wallet_of_another_desk_is_refused_though_its_command_is_real(paid: Line) -> None:
    command = resigned(fields(body=pay("1000", wallet_id="vault"))(paid.events(OrderInitiated, "o1")[0].command))
    remember("from the vault", command)
    (renamed,) = orders_named("from the vault")

    def others(event: Event) -> Event:
        if not isinstance(event, OrderEvent) or event.order_id not in orders_named("o1"):
            return event
        if isinstance(event, OrderInitiated | Approved):
            order = fields(order_id=renamed, wallet_id="vault")(event.order)
            event = fields(order=order, **({"command": command} if isinstance(event, OrderInitiated) else {}))(event)
        return fields(order_id=renamed)(event)  # type: ignore[no-any-return]

    def as_the_vault(event: Event) -> Event:
        made = others(event)
        if isinstance(made, Simulated) and made.order_id == renamed:
            return made.model_copy(update={"wallet_id": "vault", "wallet": address_of("vault")})
        return made

    assert examined(rewritten(paid.records, others), paid.now).of("from the vault") == "wallet"
    assert examined(rewritten(paid.records, as_the_vault), paid.now).of("from the vault") == "wallet"


def test_a_wallet_that_governance_does_not_know_is_refused(paid: Line) -> None:
    forged = rewritten(paid.records, ordered(lambda order: order.model_copy(update={"wallet_id": "nowhere"})))
    assert examined(forged, paid.now).of("o1") == "governance"


def test_links_of_several_desks_do_not_make_an_order(paid: Line) -> None:
    neighbour = next(f"desk-{n}" for n in range(100) if desk_partition(f"desk-{n}".encode()) == NUMBER)
    forged = rewritten(paid.records, where(Simulated, "o1", fields(desk_id=neighbour)))
    assert examined(forged, paid.now).of("o1") == "chain-shape"


# Splits -----------------------------------------------------------------------------------------------------------------


def split_by(make: Callable[[SplitOrder], SplitOrder | InitiateOrder]) -> Change:
    """Another split command, really signed once, wherever the split is told."""
    made: dict[str, Command] = {}

    def change(event: Event) -> Event:
        command = getattr(event, "command", None)
        if (
            isinstance(event, OrderClosed | OrderInitiated)
            and isinstance(command, Command)
            and isinstance(command.body, SplitOrder)
        ):
            forged = made.setdefault(command.command_id, resigned(fields(body=make(command.body))(command)))
            return event.model_copy(update={"command": forged})
        return event

    return change


SPLITS: dict[str, tuple[Change, str]] = {
    "a part of another amount": (ordered(acting(amount=Decimal(15_001)), "o1/0"), "command"),
    "a part to somebody else": (ordered(acting(destination=VENUE), "o1/0"), "command"),
    "parts that are more than the whole": (
        split_by(lambda body: SplitOrder(order_id=body.order_id, amounts=[Decimal(15_000), Decimal(25_001)])),
        "command",
    ),
    "a split of another order": (
        split_by(lambda body: SplitOrder(order_id=NEVER_ORDERED, amounts=body.amounts)),
        "command",
    ),
    "no split at all": (split_by(lambda _: pay("15000")), "command"),
    "a split that the closing does not name": (where(OrderClosed, "o1", fields(command=None)), "command"),
    "a part that the closing does not name": (
        where(OrderClosed, "o1", lambda e: e.model_copy(update={"child_order_ids": e.child_order_ids[1:]})),
        "command",
    ),
    "a whole that nobody ordered": (
        where(OrderInitiated, "o1", lambda e: e.model_copy(update={"order": acting(destination=STRANGER)(e.order)})),
        "command",
    ),
    "a whole that was never closed": (where(OrderClosed, "o1", lambda _: None), "command"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_forged_part_is_refused(parted: Line, name: str) -> None:
    forge, check = SPLITS[name]
    found = examined(rewritten(parted.records, forge), parted.now)
    assert found.of("o1/0") == check, found.messages


def test_only_the_newest_splits_are_remembered(parted: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.rules.evidence.dossier.SPLITS_REMEMBERED_MAX", 0)
    assert examined(parted.records, parted.now).of("o1/0") == "command"


def test_real_parts_are_signed(parted: Line) -> None:
    found = examined(parted.records, parted.now)
    assert (found.of("o1/0"), found.of("o1/1")) == ("signed", "nothing")


# Prices -----------------------------------------------------------------------------------------------------------------


def priced(make: Callable[[Facts], Facts]) -> Change:
    return everywhere("o1", make)


def _first_price(**changes: object) -> Callable[[Facts], Facts]:
    return lambda f: f.model_copy(update={"prices": [f.prices[0].model_copy(update=changes)]})


PRICES: dict[str, tuple[Change, str]] = {
    "a pegged asset at half": (priced(_first_price(usd=Decimal("0.5"))), "prices"),
    "an observation instead of the peg": (priced(_first_price(log_offset=1)), "prices"),
    "an asset that does not exist": (priced(_first_price(asset_id="NONE")), "prices"),
    "a swap at a price that nobody observed": (
        where(
            Simulated,
            "o1",
            lambda s: s.model_copy(update={"prices": [s.prices[0], s.prices[1].model_copy(update={"usd": Decimal(3_000)})]}),
        ),
        "prices",
    ),
    "a swap at a price of another time": (
        where(
            Simulated,
            "o1",
            lambda s: s.model_copy(update={"prices": [s.prices[0], s.prices[1].model_copy(update={"observed_at": 0})]}),
        ),
        "prices",
    ),
    "a swap without prices": (where(Simulated, "o1", fields(prices=[])), "call"),
}


@pytest.mark.parametrize("name", PRICES)
def test_a_price_that_does_not_stand_on_the_log_is_refused(swapped: Line, name: str) -> None:
    forge, check = PRICES[name]
    found: Examined = examined(rewritten(swapped.records, forge), swapped.now)
    assert found.of("o1") == check, found.messages


def test_a_real_price_that_had_become_old_is_refused(swapped: Line) -> None:
    minute = 61_000_000

    def late(event: Event) -> Event:
        return event.model_copy(update={"decided_at": event.decided_at + minute}) if isinstance(event, Simulated) else event

    found = examined(rewritten(swapped.records, late), swapped.now + minute)
    assert (found.of("o1"), found.messages) == ("prices", ["the price of WETH was too old, or not yet seen, when it was used"])

"""Nonces have no gap, and none is offered twice, in any order of approvals and signer's answers."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from pydantic import TypeAdapter

from schemas.events.answers import NonceResolved
from schemas.events.lifecycle import Approved, Claim, Signed, SigningRefused, Simulated
from schemas.examples import example
from streams.rules.decider import Later, Outcome, Recorded
from streams.rules.transactions.execution import ExecutionDecider
from streams.rules.transactions.nonces import Wallets
from tests.streams.execution.specification import (
    FIRST_NONCE,
    REVERTED,
    given,
    paid,
    simulated,
    simulation,
)
from tests.world.chain.firm import CHAIN, NOW, SECOND, WALLET_ID, approved, pay, prices
from tests.world.chain.firm import firm as firm_of

EFFECTS = paid(5_000_000)
FIRM = firm_of()


def order(number: int) -> Approved:
    return approved(pay("5"), FIRM, number)


def answer(kind: type[Signed | SigningRefused], to: Simulated, **changes: object) -> Signed | SigningRefused:
    fields = {
        "desk_id": to.desk_id,
        "order_id": to.order_id,
        "wallet_id": to.wallet_id,
        "chain_id": to.transaction.chain_id,
        "nonce": to.transaction.nonce,
    }
    left = {"claimed": None} if kind is SigningRefused else {}
    return example(kind).model_copy(update=fields | left | changes)


def left_by(offered: Simulated, digest: str = "11" * 32) -> Claim:
    """The claim that a refused order left."""
    fees = {name: getattr(offered.transaction, name) for name in ("max_fee_per_gas", "max_priority_fee_per_gas")}
    return example(Claim).model_copy(update={"digest": digest} | fees)


def resolved(outcome: Outcome) -> NonceResolved:
    assert isinstance(outcome, tuple)
    (event,) = outcome
    assert isinstance(event, NonceResolved)
    return event


def test_a_new_wallet_begins_where_the_chain_is() -> None:
    outcome, _ = given().when(simulation(order(1), EFFECTS, nonce=17, account_nonce=17))
    assert (simulated(outcome).transaction.nonce, simulated(outcome).account_nonce) == (17, 17)


def test_a_second_order_waits_until_the_first_is_signed() -> None:
    first, state = given().when(simulation(order(1), EFFECTS))
    busy, _ = state.when(order(2))
    assert isinstance(busy, Later)
    assert isinstance(state.when(simulation(order(2), EFFECTS))[0], Later)
    consumed, state = state.when(answer(Signed, simulated(first)))
    assert (resolved(consumed).outcome, resolved(consumed).nonce) == ("consumed", FIRST_NONCE)
    second, _ = state.when(simulation(order(2), EFFECTS, nonce=FIRST_NONCE + 1, account_nonce=FIRST_NONCE + 1))
    assert simulated(second).transaction.nonce == FIRST_NONCE + 1


def test_a_nonce_that_was_not_signed_goes_to_the_next_order() -> None:
    first, state = given().when(simulation(order(1), EFFECTS))
    released, state = state.when(answer(SigningRefused, simulated(first)))
    assert (resolved(released).outcome, resolved(released).nonce) == ("released", FIRST_NONCE)
    second, _ = state.when(simulation(order(2), EFFECTS))
    assert simulated(second).transaction.nonce == FIRST_NONCE


def test_a_nonce_that_may_have_been_signed_for_is_overtaken_until_it_is_signed() -> None:
    first, state = given().when(simulation(order(1), EFFECTS))
    claim = left_by(simulated(first))
    released, state = state.when(answer(SigningRefused, simulated(first), claimed=claim))
    assert resolved(released).claimed == claim
    blind, _ = state.when(simulation(order(2), EFFECTS))
    assert isinstance(blind, Later)
    assert "overtake" in blind.reason
    second, state = state.when(simulation(order(2), EFFECTS, claimed=claim))
    assert (simulated(second).overtakes, simulated(second).transaction.nonce) == (claim.digest, FIRST_NONCE)
    _, state = state.when(answer(SigningRefused, simulated(second)))
    third, state = state.when(simulation(order(3), EFFECTS, claimed=claim))
    assert simulated(third).overtakes == claim.digest
    newer = left_by(simulated(third), "22" * 32)
    _, state = state.when(answer(SigningRefused, simulated(third), claimed=newer))
    assert isinstance(state.when(simulation(order(4), EFFECTS, claimed=claim))[0], Later)
    fourth, state = state.when(simulation(order(4), EFFECTS, claimed=newer))
    assert simulated(fourth).overtakes == newer.digest
    _, state = state.when(answer(Signed, simulated(fourth)))
    last, _ = state.when(simulation(order(5), EFFECTS, nonce=FIRST_NONCE + 1, account_nonce=FIRST_NONCE + 1))
    assert simulated(last).overtakes is None


def test_a_flagged_order_uses_no_nonce() -> None:
    flagged, state = given().when(simulation(order(1), REVERTED))
    assert simulated(flagged).verdict == "flagged"
    second, _ = state.when(simulation(order(2), EFFECTS))
    assert simulated(second).transaction.nonce == FIRST_NONCE


def test_inputs_that_come_again_change_nothing() -> None:
    first, state = given().when(simulation(order(1), EFFECTS))
    assert state.when(order(1))[0] == ()
    assert state.when(simulation(order(1), EFFECTS))[0] == ()
    signed = answer(Signed, simulated(first))
    _, state = state.when(signed)
    assert state.when(signed)[0] == ()
    assert state.when(answer(SigningRefused, simulated(first)))[0] == ()


def test_an_answer_to_no_offer_of_ours_changes_nothing() -> None:
    first, state = given().when(simulation(order(1), EFFECTS))
    assert given().when(answer(Signed, simulated(first)))[0] == ()
    assert state.when(answer(Signed, simulated(first), nonce=FIRST_NONCE + 1))[0] == ()
    assert state.when(answer(Signed, simulated(first), order_id=order(2).order_id))[0] == ()
    assert state.when(answer(Signed, simulated(first), wallet_id="other"))[0] == ()


def test_an_order_waits_for_its_simulation_for_fresh_prices_and_for_the_chain() -> None:
    assert isinstance(given().when(order(1))[0], Later)
    old = simulation(order(1), EFFECTS, price_facts=prices(FIRM, at=NOW - 61 * SECOND))
    assert "too old" in given().when(old)[0].reason  # type: ignore[union-attr]
    first, state = given().when(simulation(order(1), EFFECTS))
    _, state = state.when(answer(Signed, simulated(first)))
    behind = simulation(order(2), EFFECTS, nonce=FIRST_NONCE + 1, account_nonce=FIRST_NONCE)
    assert "not on the chain yet" in state.when(behind)[0].reason  # type: ignore[union-attr]
    other = simulation(order(2), EFFECTS, nonce=FIRST_NONCE + 9, account_nonce=FIRST_NONCE + 1)
    assert "was built for nonce" in state.when(other)[0].reason  # type: ignore[union-attr]


def test_time_alone_says_nothing_and_no_chain_is_continued_unasked() -> None:
    decider = ExecutionDecider()
    assert decider.due(decider.initial(), NOW) == ()
    assert decider.tail(decider.initial(), order(1).order_id) is None
    foreign = Recorded("approved", order(1), "")
    assert decider.evolve(decider.initial(), foreign) == decider.initial()


class Interleavings(RuleBasedStateMachine):
    """Orders of one wallet, the signer's answers to them, deliveries again, and snapshots, in any order."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.state = given()
        self.count = 0
        self.on_chain = FIRST_NONCE
        self.offers: list[Simulated] = []
        self.open: Simulated | None = None
        self.consumed: list[int] = []
        self.claimed: Claim | None = None

    @rule(target=orders)
    def approve(self) -> Approved:
        self.count += 1
        return order(self.count)

    @rule(each=orders, passes=st.booleans())
    def offer(self, each: Approved, passes: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        account = self.state.state.account(CHAIN, WALLET_ID)
        nonce = self.on_chain if account is None else account.next_nonce
        seen = simulation(
            each,
            EFFECTS if passes else REVERTED,
            nonce=nonce,
            account_nonce=self.on_chain,
            governance=FIRM,
            claimed=self.claimed,
        )
        outcome, self.state = self.state.when(seen)
        for event in () if isinstance(outcome, Later) else outcome:
            assert isinstance(event, Simulated)
            assert event.order_id not in [offer.order_id for offer in self.offers]
            self.offers.append(event)
            assert event.overtakes == (None if self.claimed is None else self.claimed.digest)
            assert self.open is None, "two orders had a nonce on offer"
            self.open = event if event.verdict == "passed" else None

    @rule(number=st.integers(0, 30), kind=st.sampled_from([Signed, SigningRefused]), leaves=st.booleans())
    def answer(self, number: int, kind: type[Signed | SigningRefused], leaves: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """An answer to any offer, also to one that was answered before, or never stood."""
        if not self.offers:
            return
        offer = self.offers[-1 - number % len(self.offers)]
        claim = left_by(offer, f"{number:064x}") if leaves and kind is SigningRefused else None
        outcome, self.state = self.state.when(answer(kind, offer, **({} if claim is None else {"claimed": claim})))
        expected = () if offer is not self.open else (kind is Signed,)
        assert isinstance(outcome, tuple)
        assert tuple(resolved((event,)).outcome == "consumed" for event in outcome) == expected
        if outcome:
            self.open = None
            self.claimed = None if kind is Signed else claim or self.claimed
            self.consumed += [offer.transaction.nonce] if kind is Signed else []

    @rule()
    def include(self) -> None:
        """Includes the signed transaction in the chain."""
        self.on_chain = FIRST_NONCE + len(self.consumed)

    @rule()
    def restart_from_a_snapshot(self) -> None:
        state = TypeAdapter(Wallets)
        self.state = type(self.state)(state.validate_json(state.dump_json(self.state.state)))

    @invariant()
    def used_nonces_have_no_gap(self) -> None:
        assert self.consumed == list(range(FIRST_NONCE, FIRST_NONCE + len(self.consumed)))


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

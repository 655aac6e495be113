"""The same inputs give the same bytes: every decision can be repeated from the log."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from schemas import wire
from streams.engine.partition import Partition
from streams.rules.decider import Received
from streams.rules.limits.windows import Window
from streams.rules.orders.decider import DeskDecider, Message
from streams.rules.orders.state import DeskState
from streams.rules.refusals.orders import IdempotencyConflict
from tests.streams.rules.orders.specification import (
    Step,
    approve,
    attempt,
    cancel,
    confirmed,
    given,
    initiate,
    not_signed,
    reverted,
    simulated,
    split,
    swap,
    transfer,
    withdraw,
    withdrawal,
)
from tests.world.firm.desk import FIRM, HOLDING, LIMITS, STRANGER, policy, price

STEPS: tuple[Step, ...] = (
    initiate("o1", transfer("40000")),
    initiate("o2", transfer("60000", to=STRANGER), by="bot"),
    initiate("o3", swap("5000000")),
    initiate("o4", transfer("3000000")),
    initiate("o5", transfer("12", "ETH")),
    approve("o1", by="rita"),
    approve("o2", by="sven"),
    approve("o3", by="cora"),
    approve("o4", by="rita"),
    simulated("o3"),
    simulated("o1", "passed"),
    split("o3", "2500000", "2500000"),
    cancel("o4"),
    confirmed("o1"),
    reverted("o5"),
    attempt("t1", transfer("3000000")),
    withdraw("o1", by="rita"),
    withdraw("o2", by="sven"),
    withdraw("o4", by="rita"),
    approve("o2", by="rita"),
    approve("o2", by="carl"),
    initiate("o6", withdrawal("5")),
    initiate("o7", transfer("1", to=HOLDING)),
    cancel("o1", name="late"),
    cancel("o3", name="late too", by="carl"),
    not_signed("o1"),
    not_signed("o3"),
)
TRIAL = attempt("t2", transfer("50000"))
FIRMS = (
    FIRM,
    FIRM.with_policy(policy(*LIMITS, version=2)),
    FIRM.with_price(price("ETH", "3000")),
    FIRM.tripped("firm", "*", "reducing"),
    FIRM.tripped("asset", "USDC"),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@drawn(
    st.lists(
        st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, len(FIRMS) - 1), st.sampled_from([0, 1, 50, 4_000])),
        max_size=25,
    )
)
def test_no_life_breaks_the_desk_or_passes_a_limit(choices: list[tuple[int, int, int]]) -> None:
    """After every step the specification folds the log anew; limits hold; decisions leave the state alone."""
    spec = given()
    for step, firm, seconds in choices:
        spec.at(FIRMS[firm]).after(seconds).when(STEPS[step])
    ledger, begins = spec.state.desk("newswap").ledger, Window("rolling", 86_400).begins(spec.now)
    for key in ledger.accounts:
        cap = {"trader-day": 6_000_000, "desk-day": 8_000_000}[key.split("|")[0]]
        assert 0 <= ledger.used(key, begins) <= cap * 1_000_000
    assert set(ledger.held) == set(spec.state.orders)
    for chained in spec.log:
        assert wire.encode(wire.decode(chained.topic, chained.value)) == chained.value


def test_a_command_that_comes_again_with_another_date_is_another_content_of_a_spent_id() -> None:
    """Found at random: an approved order was still with execution when its command's id was used again two hours later."""
    spec = given(FIRM, initiate("o3", swap("5000000")), approve("o3", by="cora"))
    before = set(spec.state.orders)
    spec.after(8_000).when(initiate("o3", swap("5000000"))).then_rejected(IdempotencyConflict)
    assert set(spec.state.orders) == before == set(spec.state.desk("newswap").ledger.held)


def test_a_decision_leaves_the_state_alone_and_can_be_made_again() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000")), initiate("o3", swap("5000000")))
    decider = DeskDecider()
    for step in (initiate("o6", transfer("7")), approve("o1", by="rita"), split("o3", "1", "4999999"), cancel("o1"), TRIAL):
        message = Message(step(spec), FIRM.circumstances())
        before = copy.deepcopy(spec.state)
        first = decider.decide(spec.state, message, spec.now)
        assert spec.state == before
        assert first == decider.decide(before, message, spec.now)
        assert [event.model_dump_json() for event in first] == [
            event.model_dump_json() for event in decider.decide(before, message, spec.now)
        ]


def test_the_same_inputs_give_the_same_bytes() -> None:
    """Signatures are random, so the inputs of one life are kept and offered to a second desk."""
    spec = given()
    inputs: list[tuple[Received, int]] = []
    for step in STEPS:
        received = step(spec)
        inputs.append((received, spec.now))
        spec.when(lambda _, received=received: received)  # type: ignore[misc]
    again: Partition[DeskState, Message] = Partition(spec.processor, spec.partition.number)
    said = [chained for received, now in inputs for chained in again.offer(received, now)]
    assert [chained.value for chained in said] == [chained.value for chained in spec.log]
    assert len(said) > 30

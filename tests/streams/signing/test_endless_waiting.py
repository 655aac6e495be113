"""Simulations that could wait for ever are refused: each would hold back the enclave's input position at every start."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.lifecycle import Simulated
from schemas.values import INSTANT_MICROS_MAX
from tests.world.line.forgery import examined, fields, rewritten, where
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import NEVER_ORDERED, SECOND, with_record

FRESH = 60 * SECOND
FAR = 2**62


def offered(line: Line, now: int, **changes: Any) -> str:
    """The answer to a simulation of `o1` with these fields changed."""
    received = simulated_of(line, "o1")
    assert isinstance(received.record, Simulated)
    forged = with_record(received, received.record.model_copy(update=changes))
    assert isinstance(forged.record, Simulated)
    answers = examined([each for each in line.records if each is not received], now, [forged]).answers
    return answers.get(forged.record.order_id, "nothing")


def test_a_simulation_of_an_order_that_nobody_placed_is_waited_for_while_it_is_fresh(paid: Line) -> None:
    assert offered(paid, paid.now, order_id=NEVER_ORDERED) == "nothing"
    assert offered(paid, paid.now + 2 * FRESH, order_id=NEVER_ORDERED) == "chain"


def test_a_link_that_never_comes_is_waited_for_while_the_simulation_is_fresh(paid: Line) -> None:
    assert offered(paid, paid.now, sequence=FAR) == "nothing"
    assert offered(paid, paid.now + 2 * FRESH, sequence=FAR) == "chain"


@pytest.mark.parametrize("changes", [{"order_id": NEVER_ORDERED}, {"sequence": FAR}])
def test_a_simulation_of_a_time_to_come_is_not_waited_for(paid: Line, changes: dict[str, Any]) -> None:
    assert offered(paid, paid.now, decided_at=INSTANT_MICROS_MAX, **changes) == "chain"


def test_prices_of_a_time_to_come_are_not_waited_for(swapped: Line) -> None:
    (simulated,) = (each.record for each in swapped.records if isinstance(each.record, Simulated))
    prices = [each.model_copy(update={"log_offset": FAR}) for each in simulated.prices]
    late = where(Simulated, "o1", fields(prices=prices, decided_at=INSTANT_MICROS_MAX))
    assert examined(rewritten(swapped.records, late), swapped.now).of("o1") == "chain-shape"

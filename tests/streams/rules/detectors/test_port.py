"""A new detector is one class: nothing else has to name it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.events.answers import LimitBreached
from schemas.events.lifecycle import OrderHeld
from schemas.examples import example
from schemas.firm_commands import TripBreaker
from schemas.topics import TOPIC_OF
from streams.rules.detectors import DETECTORS, Detector, command_id, proposal
from streams.rules.firm.view import Governance
from tests.streams.rules.governance.changes.specification import given, trip

HELD = TOPIC_OF[OrderHeld].name


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = {topic: list(each) for topic, each in DETECTORS.items()}
    yield
    DETECTORS.clear()
    DETECTORS.update(before)


def made_up(of: str) -> Detector[OrderHeld]:
    class MadeUp(Detector[OrderHeld]):
        name = of
        record = OrderHeld

        def asks(self, event: OrderHeld, firm: Governance) -> TripBreaker | None:
            if event.desk_id not in firm.desks:
                return None
            return TripBreaker(scope="desk", subject=event.desk_id, state="reducing", reason="an order was held")

    return DETECTORS[HELD][-1]


def held(desk: str) -> OrderHeld:
    return example(OrderHeld).model_copy(update={"desk_id": desk})


def test_a_detector_that_is_defined_is_given_its_topic() -> None:
    assert HELD not in DETECTORS
    detector = made_up("made-up")
    assert DETECTORS[HELD] == [detector]


def test_it_asks_for_what_it_sees_unless_the_breaker_is_tripped_as_far() -> None:
    detector, firm = made_up("made-up"), given()
    body = proposal(detector, held("newswap"), firm.firm)
    assert body is not None
    assert (body.scope, body.subject, body.state) == ("desk", "newswap", "reducing")
    assert proposal(detector, held("elsewhere"), firm.firm) is None
    firm.given(trip("rita", "desk", "newswap", "open"))
    assert proposal(detector, held("newswap"), firm.firm) is None


def test_two_detectors_of_one_name_are_refused() -> None:
    made_up("made-up")
    with pytest.raises(ValueError, match="two detectors are named 'made-up'"):
        made_up("made-up")
    with pytest.raises(ValueError, match="limit-breached"):
        made_up("limit-breached")


def test_detectors_answer_the_same_bytes_under_ids_of_their_own() -> None:
    (breached,) = DETECTORS[TOPIC_OF[LimitBreached].name]
    digest = "ab" * 32
    assert command_id(breached, digest) == command_id(breached, digest) != command_id(made_up("made-up"), digest)

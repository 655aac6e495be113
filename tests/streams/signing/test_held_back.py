"""A compromised desk holds an order back: its times after the initiator's signature are not trusted."""

from __future__ import annotations

import pytest

from schemas.events.lifecycle import Simulated
from streams.rules.evidence.today import WAITED_SECONDS_MAX
from tests.world.line.forgery import examined, rewritten, where
from tests.world.line.line import Line
from tests.world.line.scenery import DAY, SECOND

TTL_SECONDS = 3_600


@pytest.mark.parametrize(
    ("held_micros", "outcome"),
    [(10 * DAY, "rights"), ((TTL_SECONDS + WAITED_SECONDS_MAX) * SECOND, "rights"), (DAY, "signed")],
    ids=["ten days", "a moment too long", "a day"],
)
def test_an_order_whose_time_has_passed_is_not_signed_though_the_desk_says_when_it_was_approved(
    agreed: Line, held_micros: int, outcome: str
) -> None:
    """People approved it in time and took it for expired; then it comes to the chain with a simulation of today."""
    late = rewritten(
        agreed.records,
        where(Simulated, "o1", lambda event: event.model_copy(update={"decided_at": event.decided_at + held_micros})),
    )
    found = examined(late, agreed.now + held_micros)
    assert (found.of("o1"), len(found.digests)) == (outcome, outcome == "signed")

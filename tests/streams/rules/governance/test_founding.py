"""Genesis events are written once, to an empty log; any other log must begin with exactly these."""

from __future__ import annotations

import pytest

from schemas import wire
from schemas.events.base import FirmEvent
from streams.rules.chaining import ChainedEvent
from streams.rules.governance.founding import GenesisMismatch, decide
from streams.rules.governance.genesis import digest, events
from tests.world.firm import governance as firm

NOW = 1_770_000_000_000_000


def as_read(written: tuple[ChainedEvent, ...]) -> list[FirmEvent]:
    """The events as a reader decodes them from their topics."""
    records = [wire.decode(chained.topic, chained.value) for chained in written]
    return [record for record in records if isinstance(record, FirmEvent)]


def test_an_empty_log_gets_every_genesis_event_in_order() -> None:
    written = decide(firm.genesis(), (), NOW)
    assert [s.recorded.event.position for s in written] == list(range(1, len(events(firm.genesis())) + 1))
    assert {s.recorded.event.decided_at for s in written} == {NOW}
    assert {s.recorded.event.causation_id for s in written} == {digest(firm.genesis())}
    assert {s.topic for s in written} == {
        "genesis-accepted",
        "access-changed",
        "asset-listed",
        "wallet-assigned",
        "contract-listed",
        "policy-activated",
    }
    assert {s.key for s in written} == {b"firm"}


def test_a_log_that_holds_them_gets_nothing_more_whenever_and_in_whatever_order_it_is_read() -> None:
    present = as_read(decide(firm.genesis(), (), NOW))
    assert decide(firm.genesis(), present[::-1], NOW + 1) == ()


def test_a_log_that_began_with_another_genesis_is_refused_with_what_differs() -> None:
    present = as_read(decide(firm.genesis(firm="Another"), (), NOW))
    with pytest.raises(GenesisMismatch, match="governance event 1 of the log is GenesisAccepted"):
        decide(firm.genesis(), present, NOW)


def test_a_right_that_the_genesis_does_not_give_is_refused_by_name() -> None:
    present = as_read(decide(firm.genesis(), (), NOW))
    present[1] = present[1].model_copy(update={"roles": ["chief-risk-officer"]})
    with pytest.raises(GenesisMismatch, match="event 2 of the log is AccessChanged paula"):
        decide(firm.genesis(), present, NOW)


def test_what_follows_genesis_is_not_for_genesis_to_say() -> None:
    present = as_read(decide(firm.genesis(), (), NOW))
    more = present[1].model_copy(update={"position": len(present) + 1})
    assert decide(firm.genesis(), [*present, more], NOW) == ()


def test_an_event_less_is_refused() -> None:
    present = as_read(decide(firm.genesis(), (), NOW))
    with pytest.raises(GenesisMismatch, match=f"holds {len(present) - 1} governance events"):
        decide(firm.genesis(), present[:-1], NOW)

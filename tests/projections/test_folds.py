from __future__ import annotations

from dataclasses import replace

import pytest

from projections.folds.answers import RefusedRequestRow, answer_row
from projections.folds.arrivals import PROJECTED_TOPICS, LogPartition, UnreadableEvent, arrived
from projections.folds.chains import ChainLink, extend, refold
from projections.folds.firm import firm_rows
from schemas import wire
from schemas.events import answers, lifecycle
from schemas.events.base import FirmEvent, OrderEvent
from schemas.events.observations import PriceObserved
from schemas.examples import example
from tests.world.firm import story
from tests.world.firm.story import life, order_id_of

PLACE = LogPartition("signed", 3)


def links(number: int = 1) -> list[ChainLink]:
    told = life(story.confirmed(order_id_of(number)), firm=False).arrivals()
    return [ChainLink(each.event, each.digest) for each in told if isinstance(each.event, OrderEvent)]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "0 bytes cannot be a record"),
        (b"\x00not avro", "is no event of this topic"),
        (wire.encode(example(lifecycle.Broadcast)), "is not one of subject signed-value"),
        (wire.encode(example(lifecycle.Signed).model_copy(update={"sequence": 0})), "was never sealed"),
    ],
)
def test_what_is_no_event_of_its_topic_is_refused_with_its_place(value: bytes, why: str) -> None:
    with pytest.raises(UnreadableEvent, match=r"signed\[3\]@17") as refused:
        arrived(PLACE, 17, value)
    assert why in str(refused.value)


def test_every_topic_of_events_is_projected_and_commands_and_prices_are_not() -> None:
    assert {"commands", "price-observed"}.isdisjoint(PROJECTED_TOPICS)
    assert not any(topic.startswith("snapshots-") for topic in PROJECTED_TOPICS)
    assert {"request-refused", "nonce-resolved", "genesis-accepted", "signed"} <= set(PROJECTED_TOPICS)


def test_a_topic_that_holds_no_events_is_refused() -> None:
    with pytest.raises(UnreadableEvent, match="not a topic of events"):
        arrived(LogPartition("price-observed", 0), 0, wire.encode(example(PriceObserved)))


def test_an_event_without_a_table_is_a_bug_that_stops_the_projector() -> None:
    odd = arrived(PLACE, 0, wire.encode(example(lifecycle.Signed).model_copy(update={"sequence": 1})))
    with pytest.raises(TypeError, match="no table for FirmEvent"):
        firm_rows(odd, FirmEvent())
    with pytest.raises(TypeError, match="no table for Signed"):
        answer_row(odd)


def test_a_fork_beyond_a_link_that_is_not_there_yet_is_seen_at_once() -> None:
    chain = links()
    other = replace(chain[5], digest="ee" * 32)
    assert extend(None, [*chain[:3], chain[5], other]) is None
    folded = refold([*chain[:3], chain[5], other])
    assert folded.row is not None
    assert (folded.row.tail_sequence, folded.row.chain_broken) == (3, "6: more than one link claims this place")


def test_an_order_of_which_only_forked_links_are_there_is_shown() -> None:
    chain = links()
    folded = refold([chain[4], replace(chain[4], digest="ee" * 32)])
    assert folded.row is not None
    assert (folded.row.state, folded.row.tail_sequence, folded.row.desk_id) == ("chain-broken", 0, "newswap")


def test_links_that_only_wait_leave_the_order_as_it_is() -> None:
    chain = links()
    waiting = extend(None, chain[1:])
    assert waiting is not None
    assert (waiting.row, waiting.holds) == (None, {})
    begun = extend(None, chain[:2])
    assert begun is not None
    assert begun.row is not None
    later = extend(begun.row, chain[3:])
    assert later is not None
    assert later.row == begun.row


def test_a_refused_request_is_kept_with_its_refusal() -> None:
    refused = example(answers.RequestRefused)
    row = answer_row(arrived(LogPartition("request-refused", 0), 4, wire.encode(refused)))
    assert isinstance(row, RefusedRequestRow)
    assert (row.log_offset, row.refusal) == (4, refused.refusal.model_dump(mode="json"))

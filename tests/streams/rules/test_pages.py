"""A snapshot of any size is restored unchanged, or not at all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.events.base import Event
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.engine.partition import Partition
from streams.engine.snapshots import SnapshotCodec, Written
from streams.rules.decider import Later, Processor, Received, Recorded
from streams.rules.pages import PAGE_BYTES_MAX, Page, PageTooLarge


@dataclass(slots=True)
class Paged:
    """A state that is larger than a record may be, apart from a page."""

    words: list[str] = field(default_factory=list)
    page: Page | None = None


class PagedDecider:
    """Decides nothing."""

    state_type = Paged

    def initial(self) -> Paged:
        incompressible = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(30_000)]
        return Paged(incompressible, Page(b"never changes"))

    def decide(self, _state: Paged, _message: Any, _now: Instant) -> tuple[Event, ...]:
        return ()

    def evolve(self, state: Paged, _recorded: Recorded) -> Paged:
        return state

    def due(self, _state: Paged, _now: Instant) -> tuple[Event, ...]:
        return ()

    def tail(self, _state: Paged, _order_id: OrderId) -> Link | None:
        return None


class Nowhere:
    """Is never asked."""

    def refresh(self) -> None:
        """Nothing arrives."""

    def read(self, _state: Paged, received: Received, _now: Instant) -> Later:
        return Later(received.topic)


def paged() -> tuple[SnapshotCodec[Paged], Written, Paged]:
    processor: Processor[Paged, Any] = Processor("desk", (), (), PagedDecider(), Nowhere())
    partition, codec = Partition(processor, 0), SnapshotCodec(processor)
    return codec, codec.write(partition, {}), partition.state


def test_a_state_that_fits_into_no_record_is_cut() -> None:
    codec, written, state = paged()
    assert len(written.pages) == len(json.loads(written.head)["state"]) + 1 > 2
    snapshot = codec.read(written.head, written.pages)
    assert snapshot is not None
    assert snapshot.state == state


@pytest.mark.parametrize("missing", range(3))
def test_a_snapshot_without_one_of_its_pages_is_none(missing: int) -> None:
    codec, written, _ = paged()
    name = sorted(written.pages)[missing]
    assert codec.read(written.head, {key: page for key, page in written.pages.items() if key != name}) is None


def test_a_page_no_larger_than_a_record_may_be() -> None:
    assert Page(bytes(PAGE_BYTES_MAX)).name != Page(bytes(1)).name
    with pytest.raises(PageTooLarge):
        Page(bytes(PAGE_BYTES_MAX + 1))


def test_a_page_outside_a_snapshot_is_its_name_and_cannot_be_made_from_it() -> None:
    page, form = Page(b"ids"), TypeAdapter(Page)
    assert form.dump_json(page) == f'"{page.name}"'.encode()
    with pytest.raises(ValidationError, match="is not there"):
        form.validate_json(form.dump_json(page))

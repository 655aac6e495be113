"""A snapshot restores the partition's state, and is refused by a state of another shape."""

from __future__ import annotations

import json
import zlib

from schemas.commands import InitiateOrder
from streams.engine.snapshots import SnapshotCodec
from streams.rules.orders.state import DeskState
from streams.rules.pages import Page
from tests.streams.rules.orders.specification import Specification, approve, given, initiate, signed, split, transfer
from tests.world.firm.desk import FIRM


def busy_desk() -> Specification:
    """Orders in several stages, one with a memo that is not ASCII."""
    memo = InitiateOrder(wallet_id="treasury-1", action=transfer("10"), memo='„Zürich“ \\ "quoted" 東京')
    return given(
        FIRM,
        initiate("o1", transfer("40000")),
        initiate("o2", transfer("20000")),
        approve("o1", by="rita"),
        initiate("o3", transfer("90000")),
        split("o3", "45000", "45000"),
        lambda spec: spec.received(signed(spec, "o4", "paula", memo)),
    )


def test_a_desk_comes_back_as_it_was() -> None:
    spec = busy_desk()
    codec: SnapshotCodec[DeskState] = SnapshotCodec(spec.processor)
    offsets = {"order-initiated": 7, "approved": 3}
    written = codec.write(spec.partition, offsets)
    snapshot = codec.read(written.head, written.pages)
    assert snapshot is not None
    assert snapshot.state == spec.state
    assert snapshot.position == spec.partition.position
    assert snapshot.clock == spec.partition.clock
    assert snapshot.offsets == offsets
    assert snapshot.answered == spec.partition.answered()


def test_a_state_of_another_shape_is_not_guessed_at() -> None:
    spec = busy_desk()
    codec: SnapshotCodec[DeskState] = SnapshotCodec(spec.processor)
    written = codec.write(spec.partition, {})
    head = json.loads(written.head)
    assert codec.read(json.dumps({**head, "fingerprint": "0" * 64}).encode(), written.pages) is None
    broken = Page(zlib.compress(b'{"orders": "none"}'))
    assert codec.read(json.dumps({**head, "state": [broken.name]}).encode(), {broken.name: broken}) is None

"""Announces a batch's changes by NOTIFY in its own transaction: readers are notified once they can see them.

An announcement names orders and commands; it carries no content. One that would be too long says only that much has changed.
Source: PostgreSQL, "NOTIFY" (a payload is shorter than 8,000 bytes; delivered after commit, in order).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from projections.storage.tables import Writer

CHANNEL: Final = "proofdesk_projection"
NAMED_IDS_MAX: Final = 150
"""Ids in one announcement: 150 times 39 bytes is below NOTIFY's limit."""


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Announcement:
    """Lists the changes since the previous announcement."""

    orders: tuple[str, ...] = ()
    rejections: tuple[str, ...] = ()
    """Ids of commands."""
    governance: bool = False
    everything: bool = False
    """More than can be named: look at all of it again."""


_ADAPTER: Final = TypeAdapter(Announcement)


def parse(payload: str) -> Announcement:
    """An announcement from its payload.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return _ADAPTER.validate_json(payload)


def announce(connection: Writer, orders: Sequence[str], rejections: Sequence[str], *, governance: bool) -> None:
    """Tell listeners at commit; nothing when nothing they could show has changed."""
    if len(orders) + len(rejections) > NAMED_IDS_MAX:
        said = Announcement(everything=True)
    else:
        said = Announcement(tuple(orders), tuple(rejections), governance)
    if said != Announcement():
        payload = json.dumps(_ADAPTER.dump_python(said, mode="json"), separators=(",", ":"))
        connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))

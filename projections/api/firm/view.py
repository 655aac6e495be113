"""The firm as governance sees it, folded from its own events by its own fold."""

from __future__ import annotations

from typing import Final, LiteralString

from projections.api.database import Database
from schemas.events.base import FirmEvent
from schemas.topics import GOVERNANCE_TOPICS, TOPIC_OF, TOPICS
from streams.rules.firm.view import SAYS_ONLY, Governance, Tables

_EVENTS: Final[LiteralString] = "SELECT topic, event FROM firm_events WHERE topic = ANY(%s) ORDER BY position"
_IN_FORCE: Final = sorted(set(GOVERNANCE_TOPICS) - {TOPIC_OF[record].name for record in SAYS_ONLY})


async def governance(reading: Database) -> Governance:
    """Everything that is in force, as far as it was projected. Raises HTTPException, as reading does."""
    tables = Tables(Governance())
    for row in await reading.fetch(_EVENTS, (_IN_FORCE,)):
        record_type = TOPICS[row["topic"]].record
        event = None if record_type is None else record_type.model_validate(row["event"])
        if isinstance(event, FirmEvent):
            tables.apply(event)
    return tables.view

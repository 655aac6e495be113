"""Keys over HTTP: where each is kept, how it stands, how old it is, when it was last used, and all that was said of it.

How a key stands is governance's own fold of its own events (`streams.rules.firm.keys`): nothing here decides it anew.
"""

from __future__ import annotations

from typing import Annotated, Final, LiteralString

from fastapi import APIRouter
from fastapi import Path as PathPart
from starlette.exceptions import HTTPException

from projections.api.database import Database, Reading, Row
from projections.keys import telling
from projections.keys.register import Use, register
from projections.keys.shapes import AssignedWallet, EnrolledCosigner, KeyHistory, Keys, KeySaid
from schemas.topics import TOPIC_OF, TOPICS
from schemas.values import Record
from streams.rules.firm.keys import KEY_EVENTS, KeyStanding, standing_after

KEY_ID_CHARACTERS_MAX: Final = 100

router = APIRouter(prefix="/v1/keys", tags=["keys"])

_SAID: Final[LiteralString] = "SELECT topic, event FROM firm_events WHERE topic = ANY(%s) ORDER BY position"
_WALLETS: Final[LiteralString] = """
    SELECT wallet_id, desk_id, chain_id, address, key_backend, key_id, safe, assigned_at FROM wallets ORDER BY wallet_id
"""
_COSIGNERS: Final[LiteralString] = "SELECT * FROM cosigners ORDER BY party"
_USES: Final[LiteralString] = """
    SELECT k.key_id, u.used_at, u.order_id FROM unnest(%s::text[]) AS k (key_id)
    CROSS JOIN LATERAL (
        SELECT used_at, order_id FROM key_uses WHERE key_id = k.key_id ORDER BY used_at DESC LIMIT 1
    ) AS u
"""
_HISTORY: Final[LiteralString] = """
    SELECT position, topic, decided_at, digest, event FROM key_history WHERE key_id = %s ORDER BY position
"""
_TOPICS: Final = [TOPIC_OF[record].name for record in KEY_EVENTS]


@router.get("", summary="Keys, and who holds shares of them")
async def list_keys(reading: Reading) -> Keys:
    """All keys that governance knows, by name: those of wallets, those of no wallet yet, and those that are gone."""
    return await keys(reading)


@router.get("/{key_id:path}", summary="One key, with all that was said of it")
async def show_key(reading: Reading, key_id: Annotated[str, PathPart(max_length=KEY_ID_CHARACTERS_MAX)]) -> KeyHistory:
    """A key as its events have left it; 404 if there is none."""
    return await key(reading, key_id)


async def keys(reading: Database) -> Keys:
    """All keys and all holders of shares. Raises HTTPException, as reading does."""
    wallets = await reading.records(AssignedWallet, _WALLETS)
    enrolled = await reading.records(EnrolledCosigner, _COSIGNERS)
    entries = register(await _standings(reading), wallets)
    rows = await reading.fetch(_USES, (sorted({name for entry in entries for name in entry.signs_as}),))
    uses = {row["key_id"]: Use(row["used_at"], row["order_id"]) for row in rows}
    return Keys(keys=[entry.shown(enrolled, uses) for entry in entries], cosigners=enrolled)


async def key(reading: Database, key_id: str) -> KeyHistory:
    """One key.

    Raises:
        HTTPException: 404, there is none of this id.
    """
    found = next((each for each in (await keys(reading)).keys if each.key_id == key_id), None)
    if found is None:
        raise HTTPException(404, f"no key {key_id} is known here; one that was just ordered appears within a second")
    history = [_said(row) for row in await reading.fetch(_HISTORY, (key_id,))]
    return KeyHistory(**dict(found), history=history)


async def _standings(reading: Database) -> dict[str, KeyStanding]:
    """Return every key with an event of governance, as governance's own fold has it."""
    standings: dict[str, KeyStanding] = {}
    for row in await reading.fetch(_SAID, (_TOPICS,)):
        event = _event(row)
        if isinstance(event, KEY_EVENTS):
            standings[event.key_id] = standing_after(standings.get(event.key_id), event)
    return standings


def _said(row: Row) -> KeySaid:
    event = _event(row)
    return KeySaid.model_validate({**row, "said": "" if event is None else telling.line(event)})


def _event(row: Row) -> Record | None:
    record_type = TOPICS[row["topic"]].record
    return None if record_type is None else record_type.model_validate(row["event"])

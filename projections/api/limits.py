"""Limits, what is used of them at this moment, and what will be free when."""

from __future__ import annotations

import time
from typing import Final, LiteralString

from fastapi import APIRouter

from projections.api.database import Database, Reading
from projections.api.shapes import Shape
from projections.headroom import LimitUse, Summed, countings, uses
from schemas.firm import Limit

router = APIRouter(prefix="/v1/limits", tags=["limits"])

_RULES: Final[LiteralString] = "SELECT limits FROM policies ORDER BY position DESC LIMIT 1"
_SUMS: Final[LiteralString] = """
    WITH counting AS (
        SELECT * FROM unnest(%(limits)s::text[], %(counted_from)s::bigint[], %(widths)s::bigint[], %(together)s::bigint[])
            AS c (limit_id, counted_from, width, together)
    ), held AS (
        SELECT limit_id, scope_key, r.state = 'posted' AS is_posted, amount_usd, orders, together,
            ((r.since / 1000000) / width + 1) * width AS bucket_end, counted_from
        FROM reservations AS r JOIN counting USING (limit_id)
        WHERE r.state = 'reserved' OR (r.state = 'posted' AND r.since >= counted_from - width * 1000000)
    )
    SELECT limit_id, scope_key, is_posted, max(bucket_end) AS last_end,
        sum(amount_usd) AS amount_usd, sum(orders)::bigint AS orders
    FROM held WHERE NOT is_posted OR bucket_end > counted_from / 1000000
    GROUP BY limit_id, scope_key, is_posted, CASE WHEN is_posted THEN bucket_end / together END
"""
"""A posting counts as long as its bucket, as in the desk's ledger. Postings that leave at about the same time are one sum."""


class Limits(Shape):
    """All limits in force."""

    limits: list[LimitUse]


@router.get("", summary="Limits in force, their use now, and what will be free when")
async def list_limits(reading: Reading) -> Limits:
    """Every limit of the policy in force, once for each of its subjects."""
    return await limits(reading)


async def limits(reading: Database) -> Limits:
    """All limits in force."""
    rows = await reading.fetch(_RULES)
    rules = [Limit.model_validate(each) for each in rows[0]["limits"]] if rows else []
    now = time.time_ns() // 1_000
    counted = countings(rules, now)
    sums = await reading.fetch(
        _SUMS,
        {
            "limits": [each.limit_id for each in counted],
            "counted_from": [each.counted_from for each in counted],
            "widths": [each.width_seconds for each in counted],
            "together": [each.together_seconds for each in counted],
        },
    )
    return Limits(limits=uses(rules, [Summed(**row) for row in sums], now))

"""The firm's policies; what speaks against one that could be proposed, and what it would have decided of past orders."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, LiteralString

from fastapi import APIRouter
from pydantic import Field
from starlette.exceptions import HTTPException

from projections.api.database import Database, Reading
from projections.api.firm.shapes import Backtest, Policies, Policy, Review
from projections.api.firm.view import governance
from projections.backtest.replaying import replay
from projections.backtest.verdicts import totals
from schemas.events.base import OrderEvent
from schemas.events.governance import PolicyActivated
from schemas.events.lifecycle import OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitPosted, LimitReleased
from schemas.firm import Limit, Settings
from schemas.firm_commands import POLICY_CHARACTERS_MAX, ProposePolicy
from schemas.topics import TOPIC_OF, TOPICS
from schemas.values import Record
from streams.rules.governance.changes.enactment import policy_after
from streams.rules.governance.changes.review import policy_problems
from streams.rules.policy.conformity import fitting
from streams.rules.policy.ruleset import PolicyInvalid

BACKTESTED_ORDERS: Final = 1_000
BACKTESTED_ORDERS_MAX: Final = 5_000
REVIEWS_AT_ONCE_MAX: Final = 1
"""Each is work for a processor that also answers commands."""

router = APIRouter(prefix="/policies")

_ALL: Final[LiteralString] = "SELECT *, position = max(position) OVER () AS active FROM policies ORDER BY position DESC"
_HISTORY: Final[LiteralString] = """
    SELECT e.topic, e.event FROM order_events AS e
    JOIN (
        SELECT order_id, tail_sequence FROM orders ORDER BY created_at DESC, order_id DESC LIMIT %(orders)s
    ) AS o USING (order_id)
    WHERE e.topic = ANY(%(topics)s) AND e.sequence <= o.tail_sequence
    ORDER BY e.partition, e.position
"""
_TOPICS: Final = [TOPIC_OF[record].name for record in (OrderInitiated, PolicyEvaluated, LimitPosted, LimitReleased)]

_reviewing = asyncio.Semaphore(REVIEWS_AT_ONCE_MAX)

PolicyText = Annotated[str, Field(max_length=POLICY_CHARACTERS_MAX)]


class Draft(Record):
    """A policy as it could be proposed, whole."""

    cedar: PolicyText
    cedar_schema: PolicyText
    limits: list[Limit]
    settings: Settings

    def proposed(self) -> ProposePolicy:
        """Return the proposal that this draft would make."""
        return ProposePolicy(
            cedar=self.cedar, cedar_schema=self.cedar_schema, limits=self.limits, settings=self.settings, reason=""
        )


class DraftToTest(Draft):
    """A draft, and on how many past orders it is to be tried."""

    orders: Annotated[int, Field(ge=1, le=BACKTESTED_ORDERS_MAX)] = BACKTESTED_ORDERS


@router.get("", summary="Policies, newest first")
async def list_policies(reading: Reading) -> Policies:
    """All versions; the first is in force."""
    return await policies(reading)


@router.get("/active", summary="The policy in force")
async def show_active(reading: Reading) -> Policy:
    """The policy in force; 404 before the first."""
    found = (await policies(reading)).policies
    if not found:
        raise HTTPException(404, "no policy is in force")
    return found[0]


@router.post("/validate", summary="What speaks against a policy")
async def validate(reading: Reading, draft: Draft) -> Review:
    """Everything that would have governance refuse it, on the firm as it is; nothing is proposed."""
    firm = await governance(reading)
    policy = policy_after(firm, draft.proposed())
    async with _reviewing:
        problems = await asyncio.to_thread(policy_problems, firm, policy)
    return Review(valid=not problems, problems=problems, version=policy.version, policy_hash=policy.policy_hash)


@router.post("/backtest", summary="Which past orders a policy would have decided otherwise")
async def backtest(reading: Reading, draft: DraftToTest) -> Backtest:
    """The newest orders judged again, each on its own facts, with the limits as they would have stood."""
    policy = policy_after(await governance(reading), draft.proposed())
    rows = await reading.fetch(_HISTORY, {"orders": draft.orders, "topics": _TOPICS})
    async with _reviewing:
        return await asyncio.to_thread(_backtested, policy, [(row["topic"], row["event"]) for row in rows])


async def policies(reading: Database) -> Policies:
    """All versions."""
    return Policies(policies=await reading.records(Policy, _ALL))


def _backtested(policy: PolicyActivated, rows: list[tuple[str, object]]) -> Backtest:
    try:
        fitting(policy.cedar, policy.cedar_schema, policy.settings.zone)
    except PolicyInvalid as error:
        raise HTTPException(422, f"the policy cannot be asked: {error}") from error
    history = [event for topic, content in rows if (event := _event(topic, content)) is not None]
    found = replay(policy, history)
    decided = [event.decided_at for event in history if isinstance(event, PolicyEvaluated)]
    return Backtest(
        policy_hash=policy.policy_hash,
        orders=found.orders,
        since=min(decided, default=None),
        otherwise=found.otherwise,
        totals=totals(found.otherwise),
    )


def _event(topic: str, content: object) -> OrderEvent | None:
    record_type = TOPICS[topic].record
    record = None if record_type is None else record_type.model_validate(content)
    return record if isinstance(record, OrderEvent) else None

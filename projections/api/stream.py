"""Streams changes as server-sent events (WHATWG HTML, "Server-sent events").

`reload`: look at everything again; comes first, and whenever something may have been missed. `order` and `rejection`: as
the API shows them. `governance`: contracts, limits or policy changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from projections.api.changes import Changes, changes

router = APIRouter(prefix="/v1/stream", tags=["stream"])


@router.get("", response_class=EventSourceResponse, summary="What changes, live")
async def stream(
    heard: Annotated[Changes, Depends(changes)],
    desk: Annotated[str | None, Query(max_length=63)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Changes from now on, of one desk if asked."""
    async with heard.listening() as queue:
        while True:
            change = await queue.get()
            if change.concerns(desk):
                content = {} if change.content is None else change.content.model_dump(mode="json")
                yield ServerSentEvent(event=change.kind, data=content)

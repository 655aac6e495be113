"""Serves orders, timelines, limits, keys, governance's decisions, refusals and live changes over HTTP.

`router` is mounted by the gateway, which also renders problems (RFC 9457) from the HTTP exceptions raised here. Everything
comes from the views in schema `projection`, as role `reader`; nothing here decides or writes.
"""

from __future__ import annotations

from fastapi import APIRouter

from projections.api import firm, keys, limits, orders, rejections, stream
from projections.api.database import closing
from projections.dashboard import pages

router = APIRouter(lifespan=closing)
for room in (orders, limits, keys, firm, rejections, stream, pages):
    router.include_router(room.router)

__all__ = ["router"]

"""Serves governance's decisions and proposals: contracts, policies, breakers, rights."""

from __future__ import annotations

from fastapi import APIRouter

from projections.api.firm import access, breakers, contracts, policies, proposals

router = APIRouter(prefix="/v1", tags=["governance"])
for room in (contracts, policies, breakers, proposals, access):
    router.include_router(room.router)

__all__ = ["router"]

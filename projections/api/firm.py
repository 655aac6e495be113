"""What governance has decided: contracts the firm may deal with, and its policy."""

from __future__ import annotations

from fastapi import APIRouter

from projections.api.database import Reading
from projections.api.shapes import Contract, Contracts, Policies, Policy

router = APIRouter(prefix="/v1", tags=["governance"])


@router.get("/contracts", summary="Listed contracts and accounts")
async def list_contracts(reading: Reading) -> Contracts:
    """Everything the firm may deal with, by name."""
    return Contracts(contracts=await reading.records(Contract, "SELECT * FROM contracts ORDER BY name, chain_id, address"))


@router.get("/policies", summary="Policies, newest first")
async def list_policies(reading: Reading) -> Policies:
    """All versions; the first is in force."""
    query = "SELECT *, position = max(position) OVER () AS active FROM policies ORDER BY position DESC"
    return Policies(policies=await reading.records(Policy, query))

"""Contracts and accounts that the firm may deal with."""

from __future__ import annotations

from fastapi import APIRouter

from projections.api.database import Reading
from projections.api.firm.shapes import Contract, Contracts

router = APIRouter(prefix="/contracts")


@router.get("", summary="Listed contracts and accounts")
async def list_contracts(reading: Reading) -> Contracts:
    """Everything the firm may deal with, by name."""
    return Contracts(contracts=await reading.records(Contract, "SELECT * FROM contracts ORDER BY name, chain_id, address"))

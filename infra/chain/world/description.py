"""Describes the local world's addresses: `world.json`."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

from pydantic import Field

from infra.chain.prices import ReferenceVenue
from infra.ethereum.safe.deployment import PROXY_FACTORY, SINGLETON
from schemas.values import Address, BaseUnits, Record


class Token(Record):
    """An ERC-20 token."""

    address: Address
    symbol: str
    decimals: Annotated[int, Field(ge=0, le=36)]


class NewSwap(Record):
    """The exchange of the scenario: Uniswap v3 under a new name."""

    factory: Address
    position_manager: Address
    router: Address
    quoter: Address
    pool: Address
    fee: int
    """The pool's fee, in hundredths of a basis point."""
    start_sqrt_price_x96: BaseUnits
    """The pool's price at $3,000 in Uniswap's form: the square root of token1 per token0, times 2^96."""


class Reference(Record):
    """The independent venue that prices are read from: Uniswap v2."""

    factory: Address
    pair: Address


class World(Record):
    """A LOCAL chain's contracts. Addresses follow from the mnemonic alone; Safe's are those of every public chain."""

    chain_id: int
    usdc: Token
    usdc_implementation: Address
    usdc_signature_checker: Address
    weth: Token
    newswap: NewSwap
    reference: Reference

    @property
    def contracts(self) -> tuple[str, ...]:
        """Every contract that must have code."""
        return (
            self.usdc.address,
            self.usdc_implementation,
            self.usdc_signature_checker,
            self.weth.address,
            self.newswap.factory,
            self.newswap.position_manager,
            self.newswap.router,
            self.newswap.quoter,
            self.newswap.pool,
            self.reference.factory,
            self.reference.pair,
            PROXY_FACTORY,
            SINGLETON,
        )

    @property
    def swap_companions(self) -> tuple[str, ...]:
        """Return the contracts that a swap on the router touches besides the router itself."""
        return (self.newswap.pool, self.usdc.address, self.usdc_implementation, self.weth.address)

    @property
    def reference_venue(self) -> ReferenceVenue:
        """Return the reference pair in the form that `infra.chain.prices` reads."""
        return ReferenceVenue(
            pair=self.reference.pair,
            asset=self.weth.address,
            asset_decimals=self.weth.decimals,
            dollar=self.usdc.address,
            dollar_decimals=self.usdc.decimals,
        )


def load(path: Path) -> World:
    """Return the world that a file describes. Raises OSError, pydantic.ValidationError."""
    return World.model_validate_json(path.read_bytes())


def save(world: World, path: Path) -> None:
    """Write the description in one step: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(world.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)

"""`python -m infra.chain.world`: the local world from the command line. Development chains only.

The mnemonic comes from a file or from PROOFDESK_WORLD_MNEMONIC, never from an argument. A system fault exits 1 with its
message, wrong usage exits 2.
"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from eth_utils.exceptions import ValidationError
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console

from infra.chain.node import Node
from infra.chain.rpc import NodeError
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.artefacts import ArtefactMissing
from infra.chain.world.deploy import deploy
from infra.chain.world.description import load
from infra.chain.world.liquidity import USDC_BASE_UNITS, WETH_BASE_UNITS
from infra.chain.world.market import Market
from infra.chain.world.outbox import WorldBroken

if TYPE_CHECKING:
    from collections.abc import Iterator


class WorldSettings(BaseSettings):
    """Locates the local chain and the mnemonic of its accounts."""

    model_config = SettingsConfigDict(env_prefix="PROOFDESK_WORLD_")

    node: str = "http://127.0.0.1:8545"
    file: Path = Path(".runtime/default/world.json")
    mnemonic_file: Path | None = None
    mnemonic: SecretStr | None = None

    def phrase(self) -> str:
        """Return the mnemonic, from the file when one is named."""
        if self.mnemonic_file is not None:
            return self.mnemonic_file.read_text(encoding="utf-8").strip()
        if self.mnemonic is None:
            raise typer.BadParameter("no mnemonic: name a file with --mnemonic-file, or set PROOFDESK_WORLD_MNEMONIC")
        return self.mnemonic.get_secret_value()


app = typer.Typer(help="The LOCAL world: real contracts on a development chain.", no_args_is_help=True)


@app.callback()
def settle(
    context: typer.Context,
    node: Annotated[str | None, typer.Option(help="The development node's URL.")] = None,
    file: Annotated[Path | None, typer.Option(help="The world's description, world.json.")] = None,
    mnemonic_file: Annotated[Path | None, typer.Option(help="A file with the mnemonic of the world's accounts.")] = None,
) -> None:
    """Take the settings from the environment (PROOFDESK_WORLD_…) and let options override them."""
    options = {"node": node, "file": file, "mnemonic_file": mnemonic_file}
    context.obj = WorldSettings().model_copy(update={name: value for name, value in options.items() if value is not None})


@app.command("deploy")
def deploy_world(context: typer.Context) -> None:
    """Deploy the world, or find it there, and describe it in its file."""
    settings: WorldSettings = context.obj
    with _faults_reported():
        world = deploy(settings.node, settings.phrase(), settings.file)
        Console().print_json(world.model_dump_json())


@app.command()
def arbitrage(context: typer.Context) -> None:
    """Bring NewSwap's price back to that of the reference venue."""
    with _faults_reported(), _market(context.obj) as market:
        moved = market.arbitrage()
        Console().print("NewSwap's price was brought back" if moved else "NewSwap's price is where it belongs")


@app.command()
def fund(
    context: typer.Context,
    address: str,
    usdc: Annotated[str, typer.Option(help="Whole USDC, up to six decimals.")] = "0",
    eth: Annotated[str, typer.Option(help="Whole ether.")] = "0",
) -> None:
    """Give an account newly minted USDC and ether."""
    with _faults_reported(), _market(context.obj) as market:
        market.fund(address, usdc=_base_units(usdc, USDC_BASE_UNITS), wei=_base_units(eth, WETH_BASE_UNITS))


@app.command()
def show(context: typer.Context) -> None:
    """Print the world's description."""
    settings: WorldSettings = context.obj
    with _faults_reported():
        Console().print_json(load(settings.file).model_dump_json())


@contextmanager
def _market(settings: WorldSettings) -> Iterator[Market]:
    accounts = WorldAccounts.from_mnemonic(settings.phrase())
    with Node(settings.node) as node:
        yield Market(node, load(settings.file), accounts)


@contextmanager
def _faults_reported() -> Iterator[None]:
    try:
        yield
    except (NodeError, WorldBroken, ArtefactMissing, OSError, ValidationError) as fault:
        Console(stderr=True, soft_wrap=True).print(str(fault), markup=False)
        raise typer.Exit(1) from fault


def _base_units(text: str, per_unit: int) -> int:
    try:
        amount = Decimal(text) * per_unit
    except InvalidOperation as error:
        raise typer.BadParameter(f"not a number: {text}") from error
    if amount < 0 or amount != amount.to_integral_value():
        raise typer.BadParameter(f"negative, or more decimals than the asset has: {text}")
    return int(amount)


if __name__ == "__main__":
    app()

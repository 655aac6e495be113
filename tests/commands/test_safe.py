"""`proofdesk safe plan` prints a plan, or the reason why a Safe cannot be set up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands.cli.desk.orders import OrderFile
from commands.cli.safe.owners import Wish, account, objections
from infra.ethereum import spelled_call
from infra.ethereum.safe.deployment import PROXY_FACTORY, creation
from schemas.keys import SafeAccount
from schemas.orders import Call
from tests.commands.conftest import Door
from tests.commands.test_cli import run
from tests.commands.test_cli_firm import key, printed
from tests.commands.test_keys import made
from tests.world.firm.door import CHAIN_ID, DESK, WALLET

HELD: dict[str, Any] = {"backend": "hsm", "state": "active", "uses": []}
SENDS = {"wallet_id": "main", "desk_id": "desk", "chain_id": CHAIN_ID, "role": "wallet"}


def held(name: str, number: int, **changes: Any) -> dict[str, Any]:
    return {**HELD, "key_id": name, "address": f"0x{number:040x}", **changes}


KEYS = [
    held("anna", 1),
    held("bruno", 2),
    held("shared", 3, backend="mpc"),
    held("late", 4, address=None, state="ordered"),
    held("stopped", 5, state="suspended"),
    held("busy", 6, uses=[{**SENDS, "chain_id": 1}, SENDS]),
    held("elsewhere", 7, uses=[{**SENDS, "chain_id": 1}]),
    held("contract", 8, backend="safe"),
    held("owner", 9, uses=[{**SENDS, "role": "owner"}]),
]


def wish(*owners: str, threshold: int = 2, executor: str = "") -> Wish:
    return Wish(owners, threshold, executor or owners[0], CHAIN_ID)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (wish("anna", "bruno"), []),
        (wish("anna", "shared", "busy"), []),
        (wish("elsewhere", "anna"), []),
        (wish("owner", "anna"), []),
        (wish("anna", "nobody"), ["key-unknown"]),
        (wish("nobody", "anna"), ["key-unknown"]),
        (wish("anna", "late"), ["key-not-made"]),
        (wish("anna", "stopped"), ["key-not-active"]),
        (wish("anna", "contract"), ["owner-is-a-safe"]),
        (wish("anna"), ["owners-too-few"]),
        (wish("anna", "bruno", threshold=3), ["threshold-too-high"]),
        (wish("anna", "bruno", threshold=1), ["threshold-too-low"]),
        (wish("anna", "bruno", "anna"), ["owner-twice"]),
        (wish("anna", "bruno", executor="shared"), ["executor-no-owner", "executor-in-shares"]),
        (wish("shared", "bruno"), ["executor-in-shares"]),
        (wish("busy", "bruno"), ["executor-taken"]),
    ],
)
def test_what_speaks_against_a_safe_is_said_with_what_to_do(asked: Wish, found: list[str]) -> None:
    objected = list(objections(asked, KEYS))
    assert [each.check for each in objected] == found
    assert all(each.message and each.remedy for each in objected)


def test_owners_stand_in_the_order_in_which_they_were_named() -> None:
    safe = account(wish("shared", "anna", "bruno", executor="bruno"), KEYS)
    assert [owner.key_id for owner in safe.owners] == ["shared", "anna", "bruno"]
    assert (safe.owners[0].key_backend, safe.executor) == ("mpc", safe.owners[2])


@pytest.mark.cluster
def test_a_safe_is_planned_as_an_order_and_as_what_a_quorum_activates(door: Door, tmp_path: Path) -> None:
    for name in ("safe-anna", "safe-bruno"):
        made(door, name)
    owners = ("--owner", "safe-anna", "--owner", "safe-bruno", "--threshold", "2", "--executor", "safe-bruno")
    asked = ("safe", "plan", *owners, "--wallet", WALLET, "--salt", "7")

    planned = printed(door, *asked, "--into", tmp_path)
    people = run(door, *asked)
    again = printed(door, *asked[:-1], "8")
    order = OrderFile.model_validate_json((tmp_path / "order.json").read_bytes())
    safe = SafeAccount.model_validate_json((tmp_path / "safe.json").read_bytes())

    expected = creation(safe, 7)
    assert planned == {
        "address": expected.address,
        "chain_id": CHAIN_ID,
        "salt": "7",
        "safe": json.loads(safe.model_dump_json()),
        "order": json.loads(order.model_dump_json()),
    }
    assert again["address"] != planned["address"]
    assert isinstance(order.action, Call)
    assert (order.desk_id, order.wallet_id, order.action.contract) == (DESK, WALLET, PROXY_FACTORY)
    assert spelled_call.encode(order.action.function, order.action.arguments) == expected.data
    for words in (expected.address, "2 of 2 owners", "hsm key safe-anna", PROXY_FACTORY, "order submit", "key activate"):
        assert words in people.stdout
    tried = run(door, "order", "submit", tmp_path / "order.json", "--dry-run", *key(door, "paula"))
    assert (tried.returncode, "contract-not-listed" in tried.stderr + tried.stdout) == (3, True), tried


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        (("--wallet", "nowhere"), 3, "there is no wallet nowhere"),
        (("--executor", "nobody"), 3, "there is no key nobody"),
        (("--salt", "much"), 2, "--salt"),
        (("--salt", str(2**256)), 2, "2^256"),
    ],
)
def test_what_cannot_be_planned_is_said(door: Door, changes: tuple[str, str], status: int, words: str) -> None:
    asked = {"--wallet": WALLET, "--executor": "nobody", "--salt": "0", **dict([changes])}
    options = [word for pair in asked.items() for word in pair]
    done = run(door, "safe", "plan", "--owner", "nobody", "--owner", "none", "--threshold", "2", *options, COLUMNS="200")
    assert (done.returncode, words in done.stderr) == (status, True), done.stderr

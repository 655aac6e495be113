"""`proofdesk` for people and programs: its output and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local_cluster.deadline import Deadline
from tests.commands.conftest import Door
from tests.world.firm.door import DESK, PAYEE, WALLET, transfer

pytestmark = pytest.mark.cluster

PROGRAM = Path(sys.executable).parent / "proofdesk"


def run(door: Door, *arguments: str | Path, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROOFDESK_")}
    return subprocess.run(
        [PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**environment, "PROOFDESK_RUNTIME": str(door.description.runtime), **more},
    )


def order(amount: str = "10", **action: str) -> str:
    said = {"kind": "transfer", "asset_id": "USDC", "amount": amount, "destination": PAYEE, **action}
    return json.dumps({"desk_id": DESK, "wallet_id": WALLET, "action": said, "memo": "by hand"})


def submitted(door: Door, amount: str) -> dict[str, Any]:
    key = door.firm.authenticator_file("paula")
    done = run(door, "order", "submit", "-", "--key", key, "--json", stdin=order(amount))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    deadline = Deadline(20)
    while run(door, "order", "show", answer["order_id"]).returncode != 0:
        assert not deadline.passed
    return answer


def test_an_order_is_submitted_by_a_system_and_shown(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_text(order("12"))
    key = door.firm.system_key_file

    done = run(door, "order", "submit", file, "--json", PROOFDESK_PRINCIPAL="bot", PROOFDESK_KEY=str(key))

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["state"], answer["initiator"]) == ("approved", "bot")


def test_an_order_is_approved_after_its_subject_was_shown(door: Door) -> None:
    asked = submitted(door, "40000")

    listed = run(door, "approval", "list", "--json")
    done = run(door, "approval", "give", asked["order_id"], "--key", door.firm.authenticator_file("rosa"))

    assert asked["order_id"] in [each["order_id"] for each in json.loads(listed.stdout)]
    assert done.returncode == 0, done.stderr
    for shown in ("40000 USDC", "40000000000 USDC", "40000.000000 USD", PAYEE, asked["approval_hash"], "approved"):
        assert shown in done.stdout


def test_a_refusal_exits_3_with_its_reason_and_what_would_change_it(door: Door) -> None:
    asked = submitted(door, "40000")
    give = ("approval", "give", asked["order_id"], "--key", door.firm.authenticator_file("paula"))

    people, programs = run(door, *give), run(door, *give, "--json")

    assert people.returncode == programs.returncode == 3
    assert "initiator-approves" in people.stderr
    assert "ask somebody else to decide" in people.stderr
    assert json.loads(programs.stdout)["check"] == "initiator-approves"


def test_an_order_that_policy_refuses_exits_3(door: Door) -> None:
    key = door.firm.authenticator_file("paula")

    done = run(door, "order", "submit", "-", "--key", key, stdin=order("10000001"))

    assert done.returncode == 3
    assert "trader-day" in done.stderr
    assert "ask for at most" in done.stderr


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"destination": PAYEE.replace("C5", "c5")}, "checksum"),
        ({"amount": "-5"}, "plain digits"),
        ({"asset_id": "DOGE"}, "there is no asset DOGE"),
        ({"amount": "0.00000001"}, "at most 6 decimals"),
    ],
)
def test_what_is_wrong_with_an_order_is_named(door: Door, changed: dict[str, str], words: str) -> None:
    key = door.firm.authenticator_file("paula")

    done = run(door, "order", "submit", "-", "--key", key, stdin=order(**changed))

    assert done.returncode == 3
    assert words in done.stderr


def test_declined_split_and_cancelled(door: Door) -> None:
    paula, rosa = door.firm.authenticator_file("paula"), door.firm.authenticator_file("rosa")

    declined = run(door, "approval", "decline", submitted(door, "30000")["order_id"], "--reason", "no", "--key", rosa)
    split = run(door, "order", "split", submitted(door, "30000")["order_id"], "--parts", "3", "--key", paula, "--json")
    cancelled = run(door, "order", "cancel", submitted(door, "30000")["order_id"], "--key", paula)

    assert (declined.returncode, split.returncode, cancelled.returncode) == (0, 0, 0)
    assert "declined" in declined.stdout
    assert [part["amount_usd"] for part in json.loads(split.stdout)["children"]] == ["10000.000000"] * 3
    assert "cancelled" in cancelled.stdout


def test_orders_limits_contracts_schemas_and_status_are_lists_and_objects(door: Door) -> None:
    door.system().submit(DESK, WALLET, transfer("1"))

    orders = json.loads(run(door, "order", "list", "--json", "--limit", "3").stdout)
    limits = json.loads(run(door, "limit", "list", "--json").stdout)
    contract = json.loads(run(door, "contract", "show", PAYEE.lower(), "--json").stdout)
    schemas = json.loads(run(door, "schema", "check", "--json").stdout)
    status = json.loads(run(door, "status", "--json").stdout)

    assert all({"order_id", "state"} <= set(each) for each in orders)
    assert 0 < len(orders) <= 3
    assert {each["limit_id"] for each in limits} == {"trader-day"}
    assert contract[0]["name"] == "payee"
    assert schemas["problems"] == []
    assert {"http", "registry", "node", "postgres", "kafka", "processes", "health"} <= set(status)
    assert {"bootstrap", "client"} <= set(status["kafka"])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["order", "submit", "/nowhere.json"], 2, "No such file"),
        (["order", "submit"], 2, "Missing argument"),
        (["order", "cancel", "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"], 2, "PROOFDESK_KEY"),
        (["order", "split", "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11", "--parts", "1"], 2, "--parts"),
        (["order", "show", "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"], 3, "not-found"),
        (["contract", "show", "0x00"], 3, "not listed"),
        (["order", "list", "--url", "http://localhost:1"], 1, "cannot be reached"),
        (["status", "--runtime", "/nowhere"], 1, "make up"),
    ],
)
def test_exit_status_tells_usage_refusal_and_fault_apart(door: Door, arguments: list[str], status: int, words: str) -> None:
    done = run(door, *arguments, COLUMNS="200")

    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr

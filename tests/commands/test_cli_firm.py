"""`proofdesk` on the firm: breakers, proposals, policies tried before they are proposed, and exit statuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Door
from tests.commands.test_cli import order, run, submitted
from tests.commands.test_firm import awaited
from tests.world.firm.door import OTHER_DESK

pytestmark = pytest.mark.cluster


def printed(door: Door, *arguments: str | Path, status: int = 0, stdin: str = "") -> Any:
    """A command's output for programs."""
    done = run(door, *arguments, "--json", stdin=stdin)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def key(door: Door, name: str) -> tuple[str, Path]:
    return "--key", door.firm.authenticator_file(name)


def test_a_breaker_is_tripped_listed_and_reset_by_others(door: Door) -> None:
    tripped = printed(door, "breaker", "trip", "desk", OTHER_DESK, "--state", "reducing", "--reason", "odd", *key(door, "rosa"))
    again = run(door, "breaker", "trip", "desk", OTHER_DESK, "--state", "reducing", "--reason", "odd", *key(door, "rosa"))
    awaited(lambda: printed(door, "breaker", "list"))
    proposed = printed(door, "breaker", "reset", "desk", OTHER_DESK, "--reason", "a drill", *key(door, "rosa"))
    awaited(lambda: [p for p in printed(door, "proposal", "list") if p["proposal_id"] == proposed["proposal_id"]])
    own = run(door, "proposal", "approve", proposed["proposal_id"], "--yes", *key(door, "rosa"))
    first = run(door, "proposal", "approve", proposed["proposal_id"], "--yes", *key(door, "carl"))
    last = printed(door, "proposal", "approve", proposed["proposal_id"], *key(door, "cora"))

    assert (tripped["state"], tripped["breaker"]) == ("tripped", "reducing")
    assert (again.returncode, "breaker-tripped-already" in again.stderr) == (3, True)
    assert (own.returncode, "proposer-decides" in own.stderr) == (3, True)
    assert first.returncode == 0
    for words in ("reset", OTHER_DESK, "a drill", "risk-officer:1 & compliance-officer:1", proposed["proposal_hash"]):
        assert words in first.stdout
    assert last["state"] == "enacted"


def test_a_policy_is_shown_validated_tried_proposed_and_taken_back(door: Door, tmp_path: Path) -> None:
    shown = printed(door, "policy", "show")
    stricter = tmp_path / "stricter.cedar"
    stricter.write_text(shown["cedar"].replace("> 2500000 &&", "> 100 &&"))
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"limits": [*shown["limits"], *shown["limits"]]}))
    order_id = submitted(door, "1500")["order_id"]

    valid = run(door, "policy", "validate", stricter)
    invalid = printed(door, "policy", "validate", broken, status=3)
    tested = printed(door, "policy", "backtest", stricter, "--orders", "50")
    proposed = run(door, "policy", "propose", stricter, "--reason", "smaller", *key(door, "rosa"))
    refused = run(door, "policy", "propose", broken, "--reason", "broken", *key(door, "rosa"))
    [waiting] = awaited(lambda: list(printed(door, "proposal", "list", "--state", "awaiting-approval")))
    described = run(door, "proposal", "show", waiting["proposal_id"])
    not_theirs = run(door, "policy", "activate", waiting["proposal_id"], "--yes", *key(door, "rosa"))
    back = printed(door, "proposal", "withdraw", waiting["proposal_id"], *key(door, "rosa"))

    assert (valid.returncode, "nothing speaks against it" in valid.stdout) == (0, True)
    assert any("listed 2 times" in problem for problem in invalid["problems"])
    assert order_id in [each["order_id"] for each in tested["otherwise"]]
    assert proposed.returncode == 0, proposed.stderr
    for output in (proposed.stdout, described.stdout):
        assert "+) when { context.amount_usd_cents > 100 && !context.evacuates }" in output
    assert (refused.returncode, "proposal-unusable" in refused.stderr) == (3, True)
    assert (not_theirs.returncode, "proposer-decides" in not_theirs.stderr) == (3, True)
    assert (back["state"], back["proposal_id"]) == ("withdrawn", waiting["proposal_id"])


def test_limits_say_what_is_left_and_access_who_there_is(door: Door) -> None:
    people = run(door, "limit", "list")
    [*limits] = printed(door, "limit", "list")
    everybody = printed(door, "access", "list")

    assert "left" in people.stdout
    assert all({"headroom_usd", "frees", "counted_from"} <= set(each) for each in limits)
    assert {"rosa", "bot"} <= {each["principal"] for each in everybody}


def test_an_order_is_tried_and_says_what_it_would_take(door: Door) -> None:
    paula = ("--key", door.firm.authenticator_file("paula"), "--dry-run")

    waiting = run(door, "order", "submit", "-", *paula, stdin=order("40000"))
    refused = printed(door, "order", "submit", "-", *paula, stdin=order("10000001"), status=3)

    assert waiting.returncode == 0, waiting.stderr
    for words in ("needs-approval", "1 more risk-officer", "rosa", "over-25k", "trader-day"):
        assert words in waiting.stdout
    assert [each["check"] for each in refused["refusals"]] == ["limit-exceeded"]


def test_an_approval_is_taken_back(door: Door) -> None:
    asked = submitted(door, "41000")
    assert run(door, "approval", "give", asked["order_id"], "--yes", *key(door, "rosa")).returncode == 0

    withdrawn = printed(door, "approval", "withdraw", asked["order_id"], "--reason", "wait", *key(door, "rosa"))
    again = run(door, "approval", "withdraw", asked["order_id"], *key(door, "rosa"))

    assert withdrawn["state"] == "approval-withdrawn"
    assert (again.returncode, "approval-not-given" in again.stderr) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["breaker", "trip", "desk", "beta", "--reason", "odd"], 2, "PROOFDESK_KEY"),
        (["breaker", "trip", "moon", "beta", "--reason", "odd"], 3, "scope"),
        (["policy", "validate", "/nowhere.cedar"], 2, "No such file"),
        (["policy", "backtest", "-"], 2, "holds none of"),
        (["proposal", "show", "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"], 3, "not-found"),
        (["breaker", "list", "--url", "http://localhost:1"], 1, "cannot be reached"),
    ],
)
def test_exit_status_tells_usage_refusal_and_fault_apart(door: Door, arguments: list[str], status: int, words: str) -> None:
    done = run(door, *arguments, stdin="{}", COLUMNS="200")

    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr

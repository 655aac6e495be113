"""Keys over HTTP and on the command line, decided by the real governance; a custodian's reports are shown at once."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands.client import CommandRefused
from schemas.keys import ActivateKey, DestroyKey, GenerateKey, KeyChange, ResumeKey, RotateKey, SuspendKey
from schemas.topics import COSIGNERS
from tests.commands.conftest import Door
from tests.commands.reporting import new_key, report
from tests.commands.test_cli import run
from tests.commands.test_cli_firm import key, printed
from tests.commands.test_firm import agree, awaited
from tests.world.firm.door import CHAIN_ID, DESK, PAYEE, SITES, WALLET

pytestmark = pytest.mark.cluster

Shown = dict[str, Any]


def shown_key(door: Door, key_id: str, holds: Callable[[Shown], bool] = bool) -> Shown:
    """A key as the read side shows it, once it has come so far."""
    client = door.system()
    return awaited(lambda: client.read(f"/v1/keys/{key_id}"), holds)


def enacted(door: Door, change: KeyChange) -> None:
    """Proposed by a risk officer, agreed to by a quorum of others."""
    proposed = door.person("rosa").propose_key(change, "the review said so")
    assert (proposed.key_id, proposed.operation, proposed.state) == (change.key_id, change.kind, "awaiting-approval")
    assert agree(door, proposed.proposal_id, "carl") == "awaiting-approval"
    assert agree(door, proposed.proposal_id, "cora") == "enacted"


def ordered(door: Door, change: KeyChange) -> int:
    """The position of the order that a quorum's agreement made."""
    enacted(door, change)
    found = shown_key(door, change.key_id, lambda key: key["ordered"] == change.kind)
    [position] = [each["position"] for each in found["history"] if each["topic"] == "key-ordered"][-1:]
    return int(position)


def made(door: Door, key_id: str) -> Shown:
    """A key in a token, ordered and reported."""
    report(door, ordered(door, GenerateKey(key_id=key_id, backend="hsm")), "generated", **new_key())
    return shown_key(door, key_id, lambda key: key["state"] == "active")


def test_a_key_lives_from_its_proposal_to_its_end(door: Door) -> None:
    born = made(door, "payroll")
    wallet = ActivateKey(
        key_id="payroll",
        key_backend="hsm",
        wallet_id="payroll",
        desk_id=DESK,
        chain_id=CHAIN_ID,
        address=born["address"],
        holding=PAYEE,
    )
    enacted(door, wallet)
    used = shown_key(door, "payroll", lambda key: bool(key["uses"]))
    enacted(door, SuspendKey(key_id="payroll"))
    suspended = shown_key(door, "payroll", lambda key: key["state"] == "suspended")
    enacted(door, ResumeKey(key_id="payroll"))
    rotation = ordered(door, RotateKey(key_id="payroll", successor="payroll-2"))
    report(door, rotation, "rotated", **new_key())
    rotated = shown_key(door, "payroll", lambda key: key["state"] == "rotated")

    assert (born["backend"], born["uses"], born["threshold"], born["last_used_at"]) == ("hsm", [], 0, None)
    assert born["rotate_at"] == born["generated_at"] + 365 * 86_400 * 1_000_000
    assert [each["topic"] for each in born["history"]] == [
        "key-proposed",
        "proposal-approved",
        "proposal-approved",
        "proposal-closed",
        "key-ordered",
        "key-generated",
    ]
    assert used["uses"] == [{"wallet_id": "payroll", "desk_id": DESK, "chain_id": CHAIN_ID, "role": "wallet"}]
    assert not suspended["may_sign"]
    assert (rotated["successor"], rotated["may_sign"]) == ("payroll-2", True)
    assert shown_key(door, "payroll-2")["state"] == "active"


def test_what_could_not_be_done_is_said_and_nothing_is_half_done(door: Door) -> None:
    position = ordered(door, GenerateKey(key_id="spare", backend="hsm"))
    full = {"check": "token-full", "message": "the token has no room", "remedy": "destroy a key, or use another token"}
    report(door, position, "failed", refusal=full)
    failed = shown_key(door, "spare", lambda key: key["state"] == "failed")

    assert (failed["may_sign"], failed["address"], failed["ordered"]) == (False, None, None)
    assert failed["history"][-1]["said"] == "generate: the token has no room; destroy a key, or use another token"


@pytest.mark.parametrize(
    ("by", "change", "status", "check"),
    [
        ("paula", GenerateKey(key_id="mine", backend="hsm"), 403, "policy-refuses"),
        ("rosa", GenerateKey(key_id=WALLET, backend="hsm"), 422, "proposal-unusable"),
        ("rosa", GenerateKey(key_id="k", backend="mpc", threshold=9, cosigners=list(COSIGNERS)), 422, "proposal-unusable"),
        ("rosa", RotateKey(key_id="nothing", successor="n"), 422, "proposal-unusable"),
        ("rosa", DestroyKey(key_id=WALLET), 422, "proposal-unusable"),
        ("rosa", ResumeKey(key_id=WALLET), 409, "nothing-changes"),
    ],
)
def test_what_makes_no_sense_for_a_key_is_never_proposed(
    door: Door, by: str, change: KeyChange, status: int, check: str
) -> None:
    with pytest.raises(CommandRefused) as refused:
        door.person(by).propose_key(change, "no reason")
    assert (refused.value.problem.status, refused.value.problem.check) == (status, check)


def test_one_person_moves_no_key(door: Door) -> None:
    proposed = door.person("rosa").propose_key(SuspendKey(key_id=WALLET), "a drill")
    with pytest.raises(CommandRefused) as own:
        agree(door, proposed.proposal_id, "rosa")
    assert own.value.problem.check == "proposer-decides"
    assert agree(door, proposed.proposal_id, "carl") == "awaiting-approval"
    assert shown_key(door, WALLET)["state"] == "active"
    assert door.person("rosa").withdraw_proposal(proposed.proposal_id or "").state == "withdrawn"


def test_keys_are_described_for_whoever_writes_a_client(door: Door) -> None:
    described = httpx.get(f"{door.description.http}/openapi.json").json()
    paths, shapes = described["paths"], described["components"]["schemas"]

    assert set(paths["/v1/keys"]) == {"get", "post"}
    assert "get" in paths["/v1/keys/{key_id}"]
    kinds = shapes["ChangeKey"]["properties"]["change"]["discriminator"]["mapping"]
    assert set(kinds) == {"generate", "activate", "rotate", "suspend", "resume", "destroy", "recover"}


@pytest.mark.parametrize(
    ("spoilt", "fault"),
    [
        ({"kind": "copy"}, "change"),
        ({"kind": "suspend"}, "change.key_id"),
        ({"kind": "suspend", "key_id": ""}, "change.key_id"),
        ({"kind": "suspend", "key_id": "k", "force": True}, "change.force"),
        ({"kind": "generate", "key_id": "k", "backend": "paper"}, "change.backend"),
        ({"kind": "generate", "key_id": "k", "backend": "hsm", "rotate_after_days": 0}, "change.rotate_after_days"),
        ({"kind": "recover", "key_id": "k", "cosigner": {"cosigner": "c"}}, "change.cosigner.party"),
    ],
)
def test_a_malformed_change_names_what_is_wrong_with_it(door: Door, spoilt: Shown, fault: str) -> None:
    headers = {
        "Idempotency-Key": str(uuid.uuid4()),
        "Proofdesk-Principal": "rosa",
        "Proofdesk-Issued-At": str(time.time_ns() // 1_000),
    }
    unsigned = {"kind": "ed25519", "key_id": "k", "signature": ""}
    content = {"change": spoilt, "reason": "why", "authorization": unsigned}

    answer = httpx.post(f"{door.description.http}/v1/keys", json=content, headers=headers)

    assert (answer.status_code, answer.json()["check"]) == (422, "request-malformed")
    assert fault in [each["field"] for each in answer.json()["errors"]]


# On the command line ------------------------------------------------------------------------------------------------


def test_a_key_in_shares_is_proposed_among_all_cosigners_and_those_who_agree_see_the_whole_of_it(door: Door) -> None:
    wanted = ("--backend", "mpc", "--threshold", "3", "--sites", "2", "--days", "90", "--reason", "for the treasury")
    proposed = printed(door, "key", "generate", "vault", *wanted, *key(door, "rosa"))
    awaited(lambda: door.system().proposal(proposed["proposal_id"]))
    first = run(door, "proposal", "approve", proposed["proposal_id"], "--yes", *key(door, "carl"))
    last = printed(door, "proposal", "approve", proposed["proposal_id"], *key(door, "cora"))
    shown_key(door, "vault")
    [listed] = [each for each in printed(door, "key", "list") if each["key_id"] == "vault"]
    people = run(door, "key", "show", "vault")

    assert (proposed["operation"], proposed["key_id"]) == ("generate", "vault")
    assert first.returncode == 0, first.stderr
    for words in ("vault", "cosigner-5", "sites_min", "90", proposed["proposal_hash"]):
        assert words in first.stdout
    assert last["state"] == "enacted"
    assert (listed["state"], listed["ordered"], listed["threshold"], listed["sites_min"]) == ("ordered", "generate", 3, 2)
    assert listed["age_seconds"] >= 0
    for words in ("vault", "ordered", "key-ordered", "Make key vault in 5 shares (mpc)", "never"):
        assert words in people.stdout


def test_all_keys_are_listed_with_cosigners_and_sites_for_people_and_programs(door: Door) -> None:
    people = run(door, "key", "list")
    programs = printed(door, "key", "list")
    cosigners = door.system().read("/v1/keys")["cosigners"]

    assert people.returncode == 0, people.stderr
    for words in (WALLET, "active", "hsm", "last used", "rotation", "cosigners"):
        assert words in people.stdout
    assert {"key_id", "state", "epoch", "cosigners", "last_used_at", "rotation_due", "age_seconds"} <= set(programs[0])
    assert [(each["cosigner"], each["site"]) for each in cosigners] == list(zip(COSIGNERS, SITES, strict=True))


def test_every_other_change_is_proposed_by_a_command_of_its_own(door: Door, tmp_path: Path) -> None:
    made(door, "coins")
    lost = tmp_path / "cosigner.json"
    new = door.system().read("/v1/keys")["cosigners"][1]
    lost.write_text(json.dumps({name: new[name] for name in ("cosigner", "party", "site", "signing_key", "agreement_key")}))
    said = ("--reason", "a drill", *key(door, "rosa"))
    wallet = ("--wallet", "coins", "--desk", DESK, "--chain", str(CHAIN_ID))

    activated = printed(door, "key", "activate", "coins", *wallet, *said)
    rotated = printed(door, "key", "rotate", "coins", "--successor", "coins-2", *said)
    suspended = printed(door, "key", "suspend", "coins", *said)
    resumed = run(door, "key", "resume", "coins", *said)
    destroyed = printed(door, "key", "destroy", "coins", *said)
    recovered = run(door, "key", "recover", "coins", lost, *said)

    for answer, operation in ((activated, "activate"), (rotated, "rotate"), (suspended, "suspend"), (destroyed, "destroy")):
        assert (answer["state"], answer["operation"]) == ("awaiting-approval", operation)
        assert door.person("rosa").withdraw_proposal(answer["proposal_id"]).state == "withdrawn"
    assert (resumed.returncode, "nothing-changes" in resumed.stderr) == (3, True)
    assert (recovered.returncode, "not in shares" in recovered.stderr) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["suspend", WALLET, "--reason", "odd"], 2, "PROOFDESK_KEY"),
        (["suspend", WALLET], 2, "--reason"),
        (["recover", WALLET, "/nowhere.json", "--reason", "lost"], 2, "No such file"),
        (["activate", "k", "--wallet", "w", "--desk", DESK, "--chain", "1", "--reason", "r", "--address", PAYEE], 2, "Safe"),
        (["generate", "k", "--backend", "paper", "--reason", "r", "--key", "rosa.json"], 3, "backend"),
        (["show", "nothing"], 3, "not-found"),
        (["list", "--url", "http://localhost:1"], 1, "cannot be reached"),
    ],
)
def test_exit_status_tells_usage_refusal_and_fault_apart(door: Door, arguments: list[str], status: int, words: str) -> None:
    place = [str(door.firm.authenticator_file("rosa")) if each == "rosa.json" else each for each in arguments]
    done = run(door, "key", *place, COLUMNS="200")

    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_is_not_made_yet_cannot_be_given_a_wallet(door: Door) -> None:
    ordered(door, GenerateKey(key_id="later", backend="hsm"))
    wallet = ("--wallet", "later", "--desk", DESK, "--chain", str(CHAIN_ID), "--reason", "soon", *key(door, "rosa"))

    done = printed(door, "key", "activate", "later", *wallet, status=3)

    assert (done["check"], done["status"]) == ("key-not-made", 409)

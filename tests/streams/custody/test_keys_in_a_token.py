"""A token's ceremony is done once and reported, wherever the custodian crashes; an impossible one is reported too."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from infra.hsm.errors import TokenError, TokenFull
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyOrdered
from schemas.keys import RotateKey
from streams.custody.custodian import REPORT_SECONDS_MIN, command_id
from streams.custody.keeping import carried_out
from streams.custody.notes import Notes
from streams.rules.access.system_signer import NotRegistered
from tests.streams.custody.scene import Scene, TokenInMemory
from tests.streams.rules.governance.changes.keys.ceremonies import (
    DESTROY,
    KEY,
    address,
    agreed,
    in_token,
    of_firm,
)
from tests.streams.rules.governance.changes.specification import Specification, approve, propose_access
from tests.streams.rules.governance.changes.specification import access as rights

NEXT = "treasury-3"
MADE = agreed(in_token())
STEPS = ["has", "before generate", "half", "before discard", "generate", "read", "before destroy", "destroy"]


def statuses(scene: Scene) -> dict[str, str]:
    return {key_id: known.status for key_id, known in scene.spec.firm.keys.items()}


def test_nothing_is_done_without_an_order(tmp_path: Path) -> None:
    scene = Scene(of_firm(), tmp_path)
    assert scene.act() == []
    assert scene.token.keys == set()


def test_nothing_is_done_before_a_quorum_has_agreed(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE[:-1]), tmp_path)
    assert scene.act() == []
    scene.spec.given(MADE[-1])
    assert len(scene.act()) == 1


@pytest.mark.slow
@forall(st.lists(st.sampled_from(STEPS), max_size=6), st.integers(0, 2))
@settings(max_examples=12, deadline=None)
def test_each_order_is_carried_out_once_wherever_it_crashes(
    tmp_path_factory: pytest.TempPathFactory, crashes: list[str], lost: int
) -> None:
    scene = Scene(of_firm(*MADE), tmp_path_factory.mktemp("custody"), TokenInMemory(crashes=crashes), loses_reports=lost)
    scene.act()
    assert statuses(scene) == {KEY: "active"}
    scene.spec.given(*agreed(RotateKey(key_id=KEY, successor=NEXT)))
    scene.act()
    assert statuses(scene) == {KEY: "rotated", NEXT: "active"}
    scene.spec.given(*agreed(DESTROY))
    scene.act()
    assert statuses(scene) == {KEY: "destroyed", NEXT: "active"}
    assert scene.token.keys == {NEXT}
    assert scene.act(10 * REPORT_SECONDS_MIN) == []


def test_the_report_is_of_the_key_that_is_there(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE), tmp_path)
    [command] = scene.act()
    assert scene.spec.only(KeyGenerated).address == address(KEY)
    assert command.command_id == command_id(command.body)  # type: ignore[arg-type]


def test_a_key_that_a_crash_left_half_made_is_made_anew(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE), tmp_path, TokenInMemory(crashes=["half"]))
    scene.act()
    assert scene.crashes == 1
    assert scene.spec.firm.keys[KEY].may_sign
    assert (scene.token.keys, scene.token.halves) == ({KEY}, set())


def test_a_key_that_may_have_been_reported_is_never_made_anew(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE), tmp_path)
    order, notes = scene.spec.only(KeyOrdered), Notes(tmp_path / "notes")
    assert carried_out(order, scene.token, notes, scene.spec.now).outcome == "generated"
    scene.token.keys, scene.token.halves = set(), {KEY}
    assert carried_out(order, scene.token, Notes(tmp_path / "notes"), scene.spec.now).outcome == "failed"
    assert scene.token.halves == {KEY}


def test_a_key_that_somebody_else_put_there_is_not_passed_off_as_the_one_that_was_ordered(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE), tmp_path, TokenInMemory({KEY}))
    scene.act()
    assert scene.spec.only(KeyFailed).refusal.check == "key-exists"
    assert not scene.spec.firm.keys[KEY].may_sign


@pytest.mark.parametrize(
    ("step", "error", "check"),
    [("before generate", TokenFull("proofdesk"), "token-full")],
)
def test_what_cannot_be_done_is_said_with_what_would_help_and_nothing_is_half_done(
    tmp_path: Path, step: str, error: TokenError, check: str
) -> None:
    scene = Scene(of_firm(*MADE), tmp_path, TokenInMemory(fails={step: error}))
    scene.act()
    refusal = scene.spec.only(KeyFailed).refusal
    assert (refusal.check, bool(refusal.remedy)) == (check, True)
    assert scene.token.keys == set()
    scene.token.fails.clear()
    scene.spec.given(*MADE)
    scene.act()
    assert scene.spec.firm.keys[KEY].status == "active"


def test_what_is_not_there_any_more_is_not_said_to_be_destroyed(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE), tmp_path)
    scene.act()
    scene.token.keys.clear()
    scene.spec.given(*agreed(DESTROY))
    scene.act()
    assert scene.spec.only(KeyFailed).refusal.check == "key-unknown"


def test_a_proof_names_what_was_destroyed(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE), tmp_path)
    scene.act()
    scene.spec.given(*agreed(DESTROY))
    scene.act()
    [proof] = scene.spec.only(KeyDestroyed).proofs
    assert (proof.place, proof.what) == ("token", f"key {KEY}, which is not found there any more")


def test_a_place_that_this_installation_does_not_have(tmp_path: Path) -> None:
    scene = Scene(of_firm(*agreed(in_token(backend="software"))), tmp_path)
    scene.act()
    assert scene.spec.only(KeyFailed).refusal.check == "no-keeper"


def test_a_token_that_does_not_answer_is_no_failure(tmp_path: Path) -> None:
    scene = Scene(of_firm(*MADE), tmp_path, TokenInMemory(fails={"has": TokenError("it is gone")}))
    with pytest.raises(TokenError, match="it is gone"):
        scene.act()
    assert scene.spec.firm.keys[KEY].open_order is not None


def test_an_order_that_stays_open_is_taken_up_again_later_and_later(tmp_path: Path) -> None:
    """As when governance is not there, or refuses the report."""
    scene = Scene(of_firm(*MADE), tmp_path)
    scene.custodian.refresh()
    times = []
    for second in range(400):
        scene.reported.clear()
        scene.custodian.act(scene.spec.now + second * 1_000_000)
        times += [second for _ in scene.reported]
    assert times == [0, 30, 90, 210]


def test_without_a_key_that_governance_knows_it_says_so_when_there_is_something_to_report(tmp_path: Path) -> None:
    spec = Specification(of_firm().genesis)
    scene = Scene(spec, tmp_path)
    gone = rights("custodian", status="revoked", kind="system", site="zurich", desks=[], credentials=[])
    spec.given(propose_access("rita", gone), approve("cora"), approve("carl"))
    assert scene.act() == []
    spec.given(*MADE)
    with pytest.raises(NotRegistered, match="have governance register it"):
        scene.act()
    (tmp_path / "custodian.pem").unlink()
    with pytest.raises(NotRegistered, match="the custodian has no key"):
        scene.custodian.voice()

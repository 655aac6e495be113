"""Builds keys from governance's events, wallets and signatures, and words each of them for people."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from projections.keys.register import Use, register
from projections.keys.shapes import AssignedWallet, EnrolledCosigner, Key
from projections.keys.telling import asked, line
from schemas.events import governance
from schemas.events.base import FirmEvent
from schemas.events.keys import CosignerEnrolled, KeyRotated
from schemas.examples import example
from schemas.keys import ActivateKey, DestroyKey, GenerateKey, KeyChange, RecoverShare, ResumeKey, RotateKey, SuspendKey
from streams.rules.firm.keys import KEY_EVENTS, KeyStanding, standing_after
from tests.projections import key_story
from tests.projections.key_story import ADDRESS, HOLDERS, SHARED

DAY = 86_400_000_000
NAMES = ", ".join(HOLDERS)
BEGUN = 1_760_000_000_000_000


def keys_after(events: Iterable[FirmEvent], uses: dict[str, Use] | None = None) -> dict[str, Key]:
    """The keys after these events, said a second apart."""
    standings: dict[str, KeyStanding] = {}
    wallets: list[AssignedWallet] = []
    holders: dict[int, EnrolledCosigner] = {}
    for at, event in enumerate(events):
        dated = event.model_copy(update={"decided_at": BEGUN + at, "position": at + 1})
        if isinstance(dated, KEY_EVENTS):
            standings[dated.key_id] = standing_after(standings.get(dated.key_id), dated)
        elif isinstance(dated, governance.WalletAssigned):
            named = dated.model_dump(include=set(AssignedWallet.model_fields))
            wallets.append(AssignedWallet.model_validate({**named, "assigned_at": dated.decided_at}))
        elif isinstance(dated, CosignerEnrolled):
            said = {**dated.cosigner.model_dump(), "proposal_id": None, "enrolled_at": dated.decided_at}
            holders[dated.cosigner.party] = EnrolledCosigner.model_validate(said)
    found = [entry.shown(list(holders.values()), uses or {}) for entry in register(standings, wallets)]
    assert [each.key_id for each in found] == sorted({each.key_id for each in found})
    return {each.key_id: each for each in found}


def test_a_key_in_shares_that_was_just_made_has_no_wallet_and_says_who_holds_it() -> None:
    key = keys_after(key_story.birth())[SHARED]

    assert (key.state, key.may_sign, key.backend, key.address) == ("active", True, "mpc", ADDRESS)
    assert (key.epoch, key.threshold, key.sites_min, key.uses, key.ordered) == (1, 3, 2, [], None)
    assert [(each.cosigner, each.site) for each in key.cosigners] == list(zip(HOLDERS, key_story.SITES, strict=True))
    made_at = BEGUN + len(key_story.birth()) - 1
    assert (key.generated_at, key.renewed_at, key.rotate_at) == (made_at, made_at, made_at + 30 * DAY)
    assert (key.last_used_at, key.last_order_id, key.rotation_due) == (None, None, False)


def test_a_key_that_was_ordered_is_shown_as_it_was_asked_for() -> None:
    key = keys_after(key_story.birth()[:-1])[SHARED]

    assert (key.state, key.may_sign, key.ordered) == ("ordered", False, "generate")
    assert (key.backend, key.threshold, key.sites_min) == ("mpc", 3, 2)
    assert (key.address, key.public_key, key.generated_at, key.renewed_at, key.rotate_at) == (None, None, None, None, None)


@pytest.mark.parametrize(
    ("events", "state", "epoch", "ordered", "due"),
    [
        (1, "active", 1, "rotate", False),
        (2, "active", 2, None, False),
        (3, "active", 2, None, True),
        (4, "suspended", 2, None, True),
        (5, "active", 2, None, True),
        (7, "destroyed", 2, None, True),
    ],
)
def test_a_key_is_in_the_state_that_was_last_said_of_it(
    events: int,
    state: str,
    epoch: int,
    ordered: str | None,
    due: bool,  # noqa: FBT001 - a column of the table
) -> None:
    key = keys_after([*key_story.birth(), *key_story.later()[:events]])[SHARED]
    assert (key.state, key.epoch, key.ordered, key.rotation_due) == (state, epoch, ordered, due)
    assert (key.rotate_at is None) == (state == "destroyed")


def test_a_key_that_could_not_be_made_is_said_to_have_failed() -> None:
    key = keys_after(key_story.later())["spare"]
    assert (key.state, key.may_sign, key.backend, key.threshold) == ("failed", False, "hsm", 0)


def test_a_wallets_key_of_genesis_is_shown_though_nothing_was_said_of_it() -> None:
    key = keys_after([key_story.wallet("old", key_backend="hsm")], {"old": Use(BEGUN + 5, "order-1")})["old"]

    assert (key.state, key.may_sign, key.backend, key.address) == ("active", True, "hsm", ADDRESS)
    assert (key.generated_at, key.known_since, key.rotate_at) == (None, BEGUN, None)
    assert (key.last_used_at, key.last_order_id) == (BEGUN + 5, "order-1")


def test_a_successor_takes_a_keys_place() -> None:
    made = key_story.generated("new", backend="hsm", epoch=0, threshold=0, cosigners=[], vouched=[])
    rotated = key_story.key_event(KeyRotated, "old", epoch=0, successor="new", reason="rotated", cosigners=[])
    found = keys_after([key_story.wallet("old", key_backend="hsm"), made, rotated])

    assert (found["old"].state, found["old"].may_sign, found["old"].successor) == ("rotated", True, "new")
    assert found["new"].state == "active"


def test_a_safe_names_the_keys_of_its_owners_and_its_signatures_are_the_executors_too() -> None:
    found = keys_after([key_story.safe_wallet()], {"vault": Use(BEGUN + 7, "order-7"), "executor-1": Use(BEGUN + 3, "order-3")})

    assert {name: [use.role for use in key.uses] for name, key in found.items()} == {
        "executor-1": ["executor"],
        "owner-1": ["owner"],
        "owner-2": ["owner"],
        "vault": ["wallet"],
    }
    assert (found["vault"].backend, found["vault"].threshold) == ("safe", 2)
    assert found["vault"].safe == key_story.safe_wallet().safe
    assert (found["executor-1"].backend, found["executor-1"].threshold) == ("hsm", 0)
    assert found["executor-1"].last_order_id == "order-7"
    assert found["owner-1"].last_used_at is None


def test_a_holder_whose_place_another_took_has_no_site() -> None:
    lost = key_story.enrolled(2).cosigner.model_copy(update={"cosigner": "cosigner-9"})
    found = keys_after([*key_story.birth(), CosignerEnrolled(cosigner=lost)])[SHARED]
    assert [each.site for each in found.cosigners] == ["zurich", None, "london", "london", "new-york"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            key_story.GENERATE,
            f"Make key treasury-1 in 5 shares (mpc), of which any 3 from 2 sites sign: {NAMES}, to be rotated after 30 days",
        ),
        (GenerateKey(key_id="k", backend="hsm"), "Make key k in a token, to be rotated after 365 days"),
        (GenerateKey(key_id="k", backend="software"), "Make key k in a file, to be rotated after 365 days"),
        (
            ActivateKey(key_id="k", key_backend="hsm", wallet_id="w", desk_id="d", chain_id=1, address=ADDRESS),
            f"Let key k (hsm) sign for wallet w of desk d on chain 1, whose address is {ADDRESS}",
        ),
        (RotateKey(key_id="k"), "Make new shares of key k, and the old ones useless"),
        (RotateKey(key_id="k", successor="n"), "Put key n in the place of key k"),
        (SuspendKey(key_id="k"), "Sign nothing with key k until further notice"),
        (ResumeKey(key_id="k"), "Sign with key k again"),
        (DestroyKey(key_id="k"), "Destroy key k for good"),
        (
            RecoverShare(key_id="k", cosigner=key_story.enrolled(2).cosigner),
            "Give share 2 of key k, from its back-up, to cosigner-2 in zurich",
        ),
    ],
)
def test_a_change_reads_as_a_sentence(change: KeyChange, said: str) -> None:
    assert asked(change) == said


def test_a_history_reads_as_lines() -> None:
    story = [*key_story.birth(), key_story.wallet(), *key_story.later()]
    lines = [line(each) for each in story]

    assert lines[:5] == [""] * 5  # cosigners are no part of a key's history
    assert lines[5].startswith("rosa: Make key treasury-1 in 5 shares")
    assert lines[5].endswith("for the treasury")
    assert lines[6:9] == ["by carol (risk-officer), risk-officer:1 still to be met", "by dave (risk-officer)", "enacted"]
    assert lines[9] == asked(key_story.GENERATE)
    assert lines[10] == f"{ADDRESS}, vouched for by {NAMES}"
    assert lines[11] == f"wallet shared-main of desk treasury-1 on chain 1, {ADDRESS}"
    assert lines[12:] == [
        "Make new shares of key treasury-1, and the old ones useless",
        "epoch 2, rotated",
        "it is older than was agreed to",
        "a drill",
        "it was one",
        "for good",
        "cosigner-1: shares of key treasury-1",
        "Make key spare in a token, to be rotated after 365 days",
        "generate: the token is full; make room",
    ]


def test_what_is_no_event_about_a_key_says_nothing() -> None:
    assert line(example(governance.AssetListed)) == ""

"""A report of a key needs its proof; a report without one is refused, and the order stays open."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from schemas.events.governance import FirmCommandRejected
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyRotated, RotationDue
from schemas.keys import RotateKey, SuspendKey
from streams.rules.governance.derivation import Derivation, NotDerived
from streams.rules.refusals.base import Refused
from streams.rules.refusals.keys import KeyUnproven, NotTheCustodian, OrderNotOpen, ReportOfOther
from tests.streams.rules.governance.changes.keys.ceremonies import (
    DESTROY,
    GENERATED,
    IN_TOKEN,
    KEY,
    ROTATE,
    TOKEN_KEY,
    WRONG,
    address,
    agreed,
    all_vouched,
    destroyed,
    generate,
    in_token,
    made,
    of_firm,
    propose_key,
    public_key,
    recover,
    report,
    token_destroyed,
    vouched,
)
from tests.streams.rules.governance.changes.specification import SECOND, START, Step, approve, event_of, trip
from tests.world.firm import governance as firm

DAY: Final = 86_400
NEXT: Final = "treasury-1b"
SUCCEEDED: Final = agreed(RotateKey(key_id=TOKEN_KEY, successor=NEXT))


def all_destroyed(at: int = START, **changes: Any) -> list[Any]:
    return [destroyed(place, at, **changes) for place in range(1, 6)]


def test_a_key_in_shares_is_there_when_all_its_cosigners_vouch_for_it() -> None:
    spec = of_firm(*GENERATED).then("key-generated")
    event = spec.only(KeyGenerated)
    assert (event.address, event.epoch, event.threshold, event.sites_min) == (address(KEY), 1, 3, 2)
    known = spec.firm.keys[KEY]
    assert (known.status, known.epoch, known.open_order, known.generated) == ("active", 1, None, event)
    assert KEY not in spec.firm.wallets


def test_a_later_attempt_has_a_later_epoch() -> None:
    spec = of_firm(*agreed(generate()), report(**made(epoch=4, vouched=all_vouched(4))))
    assert spec.firm.keys[KEY].epoch == 4


def test_a_key_in_a_token_is_there_when_the_custodian_says_so() -> None:
    event = of_firm(*IN_TOKEN).then("key-generated").only(KeyGenerated)
    assert (event.backend, event.address, event.epoch, event.cosigners) == ("hsm", address(KEY), 0, [])


def test_new_shares_of_the_same_key() -> None:
    spec = of_firm(*GENERATED, *agreed(ROTATE), report("rotated", **made(epoch=2, vouched=all_vouched(2)))).then("key-rotated")
    assert (spec.only(KeyRotated).reason, spec.firm.keys[KEY].epoch) == ("rotated", 2)
    assert spec.firm.keys[KEY].generated.address == address(KEY)  # type: ignore[union-attr]


def test_a_successor_is_there_before_it_takes_over() -> None:
    spec = of_firm(*SUCCEEDED, report("rotated", **made(NEXT))).then("key-generated", "key-rotated")
    assert (spec.only(KeyGenerated).key_id, spec.only(KeyRotated).successor) == (NEXT, NEXT)
    assert spec.firm.keys[TOKEN_KEY].status == "rotated"
    assert spec.firm.keys[TOKEN_KEY].may_sign
    assert spec.firm.keys[NEXT].status == "active"


def test_what_was_suspended_while_its_successor_was_made_stays_so() -> None:
    spec = of_firm(*SUCCEEDED, *agreed(SuspendKey(key_id=TOKEN_KEY)), report("rotated", **made(NEXT)))
    assert spec.firm.keys[TOKEN_KEY].status == "suspended"


def test_a_share_that_was_recovered_is_vouched_for_by_who_has_it_now() -> None:
    words = [vouched(place, 2, **({"keys": "a new one"} if place == 3 else {})) for place in range(1, 6)]
    spec = of_firm(*GENERATED, *agreed(recover()), report("recovered", **made(epoch=2, vouched=words))).then("key-rotated")
    assert spec.only(KeyRotated).reason == "recovered"
    assert spec.firm.keys[KEY].epoch == 2


def test_a_key_in_shares_is_gone_when_all_have_destroyed_theirs() -> None:
    spec = of_firm(*GENERATED, *agreed(DESTROY), report("destroyed", proofs=all_destroyed())).then("key-destroyed")
    assert len(spec.only(KeyDestroyed).proofs) == 5
    assert (spec.firm.keys[KEY].status, spec.firm.keys[KEY].may_sign) == ("destroyed", False)
    spec.when(propose_key("sven", generate())).then("firm-command-rejected")


def test_a_key_in_a_token_is_gone_when_its_keeper_says_what_it_destroyed() -> None:
    spec = of_firm(*IN_TOKEN, *agreed(DESTROY), report("destroyed", proofs=[token_destroyed(START)])).then("key-destroyed")
    assert spec.firm.keys[KEY].status == "destroyed"


def test_so_is_one_of_genesis_of_which_nobody_said_the_public_half() -> None:
    suspended = agreed(SuspendKey(key_id=TOKEN_KEY))
    proof = token_destroyed(START, TOKEN_KEY)
    order = agreed(DESTROY.model_copy(update={"key_id": TOKEN_KEY}))
    spec = of_firm(*suspended, *order, report("destroyed", proofs=[proof])).then("key-destroyed")
    assert spec.firm.keys[TOKEN_KEY].status == "destroyed"


def test_what_failed_is_said_and_can_be_ordered_again() -> None:
    spec = of_firm(*agreed(in_token()), report("failed", refusal=WRONG)).then("key-failed")
    assert (spec.only(KeyFailed).operation, spec.only(KeyFailed).refusal) == ("generate", WRONG)
    assert spec.firm.keys[KEY].status == "ordered"
    spec.given(*agreed(in_token()), report(**made()))
    assert spec.firm.keys[KEY].may_sign


def test_the_same_report_twice_is_answered_once() -> None:
    spec = of_firm(*agreed(in_token()))
    position = spec.log[-1].recorded.event.position
    command = report(**made(), ordered_position=position)(spec)
    assert [spec._take(spec.partition.offer(command, spec.now)).outcome == [] for _ in range(2)] == [False, True]


SHARED: Final = agreed(generate())
REFRESHED: Final = (*GENERATED, *agreed(ROTATE))
RECOVERED: Final = (*GENERATED, *agreed(recover()))
ENDED: Final = (*GENERATED, *agreed(DESTROY))
TOKEN_ENDED: Final = (*IN_TOKEN, *agreed(DESTROY))
FOUR: Final = all_vouched()[:4]
OTHER_POINT: Final = "0x04" + "01" * 64

REFUSED: list[tuple[str, tuple[Step, ...], Step, type[Refused], str]] = [
    (
        "a desk's system",
        SHARED,
        report(by="treasury-bot", **made(epoch=1, vouched=all_vouched())),
        NotTheCustodian,
        "treasury-bot",
    ),
    ("a person", SHARED, report(by="cora", **made(epoch=1, vouched=all_vouched())), NotTheCustodian, "cora reported on a key"),
    ("an answer to nothing", (), report(ordered_position=7, **made()), OrderNotOpen, "at position 7"),
    ("an answer given already", GENERATED, report(ordered_position=27, **made()), OrderNotOpen, "at position 27"),
    ("an answer to another question", SHARED, report("rotated", **made()), ReportOfOther, "the outcome of that is generated"),
    ("a failure without a reason", SHARED, report("failed"), ReportOfOther, "a refusal is given if and only if"),
    ("a success with one", SHARED, report(**made(refusal=WRONG)), ReportOfOther, "a refusal is given if and only if"),
    ("the word of four", SHARED, report(**made(epoch=1, vouched=FOUR)), KeyUnproven, "cosigner-5 has not vouched"),
    ("the word of none", SHARED, report(**made(epoch=1)), KeyUnproven, "has not vouched for it"),
    ("a word twice", SHARED, report(**made(epoch=1, vouched=[*all_vouched(), vouched(1)])), KeyUnproven, "said it twice"),
    (
        "the custodian's own word for a cosigner's",
        SHARED,
        report(**made(epoch=1, vouched=[*FOUR, vouched(5, keys="custodian")])),
        KeyUnproven,
        "the signature of cosigner-5 does not hold",
    ),
    (
        "another key than they vouch for",
        SHARED,
        report(**made("mine", epoch=1, vouched=all_vouched())),
        KeyUnproven,
        "cosigner-1 vouches for key treasury-2, epoch 1",
    ),
    ("words of different epochs", SHARED, report(**made(epoch=1, vouched=[*FOUR, vouched(5, 2)])), KeyUnproven, "epoch 2"),
    ("no epoch", SHARED, report(**made(epoch=0, vouched=all_vouched())), KeyUnproven, "of a later epoch than 0"),
    (
        "an address of another key",
        SHARED,
        report(**(made() | {"address": firm.VENUE})),
        KeyUnproven,
        "its public key is that of",
    ),
    ("no public key", SHARED, report(**(made() | {"public_key": "0x"})), KeyUnproven, "no uncompressed point"),
    (
        "a public key that is none",
        SHARED,
        report(**(made() | {"public_key": OTHER_POINT})),
        KeyUnproven,
        "no point of secp256k1",
    ),
    (
        "shares of a key that has none",
        agreed(in_token()),
        report(**made(vouched=all_vouched())),
        KeyUnproven,
        "it has no shares",
    ),
    ("an epoch of one that has none", agreed(in_token()), report(**made(epoch=1)), KeyUnproven, "it has no shares"),
    (
        "a key that was there before",
        (*IN_TOKEN, *agreed(in_token("third"))),
        report(**made()),
        KeyUnproven,
        f"{address(KEY)} is the account of key {KEY}",
    ),
    (
        "shares of the present epoch",
        REFRESHED,
        report("rotated", **made(epoch=1, vouched=all_vouched())),
        KeyUnproven,
        "than 1",
    ),
    (
        "shares of another key",
        REFRESHED,
        report(
            "rotated", **made("mine", epoch=2, vouched=all_vouched(2, address=address("mine"), public_key=public_key("mine")))
        ),
        KeyUnproven,
        f"its account is {address(KEY)}",
    ),
    (
        "the word of who has lost its place",
        RECOVERED,
        report("recovered", **made(epoch=2, vouched=all_vouched(2))),
        KeyUnproven,
        "the signature of cosigner-3 does not hold",
    ),
    (
        "shares that four destroyed",
        ENDED,
        report("destroyed", proofs=all_destroyed()[:4]),
        KeyUnproven,
        "cosigner-5 has not said",
    ),
    (
        "shares of which the custodian says so",
        ENDED,
        report("destroyed", proofs=all_destroyed(keys="custodian")),
        KeyUnproven,
        "the signature of cosigner-1 does not hold",
    ),
    (
        "shares of another key",
        ENDED,
        report("destroyed", proofs=all_destroyed(what="sealed shares of key treasury-22, of epochs: 1")),
        KeyUnproven,
        "key treasury-22",
    ),
    (
        "shares destroyed before they were made",
        ENDED,
        report("destroyed", proofs=all_destroyed(1)),
        KeyUnproven,
        "before it was made",
    ),
    (
        "shares that will be destroyed",
        ENDED,
        report("destroyed", proofs=all_destroyed(START + 31 * SECOND)),
        KeyUnproven,
        "later than now",
    ),
    ("a token's key that nobody destroyed", TOKEN_ENDED, report("destroyed"), KeyUnproven, "token has not said"),
    (
        "another key of the token",
        TOKEN_ENDED,
        report("destroyed", proofs=[token_destroyed(START, digest="cd" * 32)]),
        KeyUnproven,
        "another public half",
    ),
]


@pytest.mark.parametrize(
    ("before", "said", "refusal", "words"),
    [row[1:] for row in REFUSED],
    ids=[f"{row[0]} ({n})" for n, row in enumerate(REFUSED)],
)
def test_what_does_not_hold_is_refused_and_the_order_stays_open(
    before: tuple[Step, ...], said: Step, refusal: type[Refused], words: str
) -> None:
    spec = of_firm(*before)
    was_open = {key: known.open_order for key, known in spec.firm.keys.items()}
    spec.when(said).then_rejected(refusal, words)
    assert {key: known.open_order for key, known in spec.firm.keys.items()} == was_open


# Properties -----------------------------------------------------------------------------------------------------------

_TAMPERED: Final = st.fixed_dictionaries(
    {},
    optional={
        "cosigner": st.sampled_from(["cosigner-1", "cosigner-2", "mallory"]),
        "key_id": st.sampled_from([KEY, "other"]),
        "epoch": st.integers(1, 3),
        "address": st.sampled_from([address(KEY), address("mine")]),
        "public_key": st.sampled_from([public_key(KEY), public_key("mine")]),
    },
)


@forall(st.integers(0, 4), _TAMPERED)
@settings(max_examples=40, deadline=None)
def test_no_word_of_a_cosigner_can_be_changed(place: int, changes: dict[str, Any]) -> None:
    words = all_vouched()
    words[place] = words[place].model_copy(update=changes)
    spec = of_firm(*SHARED).when(report(**made(epoch=1, vouched=words)))
    spec.then("key-generated" if words == all_vouched() else "firm-command-rejected")


@forall(st.lists(st.sampled_from(["cora", "carl", "rita", "sven", "paula"]), max_size=4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_nothing_is_done_with_a_key_that_no_quorum_agreed_to(by: list[str], destroy: bool) -> None:  # noqa: FBT001 - drawn
    """A risk officer and the compliance officer, at their two sites, other than who proposed it; the chief for its end."""
    spec = of_firm(*IN_TOKEN, propose_key("sven", DESTROY if destroy else SuspendKey(key_id=KEY)))
    events = []
    for name in by:
        spec.when(approve(name))
        events += [sealed.topic for sealed in spec.outcome]
    risk = {"cora"} if destroy else {"cora", "rita"}
    assert bool({"key-ordered", "key-suspended"} & set(events)) == ("carl" in by and bool(risk & set(by)))


@pytest.mark.parametrize(
    "changes",
    [
        {"address": address("mine")},
        {"public_key": public_key("mine")},
        {"epoch": 2},
        {"threshold": 2},
        {"sites_min": 1},
        {"cosigners": ["cosigner-1"]},
        {"vouched": FOUR},
        {"key_id": "other"},
        {"ordered_position": 1},
        {"backend": "hsm"},
    ],
)
def test_who_trusts_only_the_root_key_believes_no_other_key_than_was_proven(changes: dict[str, Any]) -> None:
    spec = of_firm(*GENERATED)
    derivation = Derivation(firm.PINNED)
    for sealed in spec.log[:-1]:
        derivation.believe(event_of(sealed))
    proven = event_of(spec.log[-1])
    with pytest.raises(NotDerived):
        derivation.believe(proven.model_copy(update=changes))
    derivation.believe(proven)


def test_nor_a_key_in_shares_that_the_custodian_alone_speaks_of() -> None:
    """Its own process and governance's topics in one hand: a report signed as it should be, and what it would give."""
    spec = of_firm(*SHARED)
    derivation = Derivation(firm.PINNED)
    for sealed in spec.log:
        derivation.believe(event_of(sealed))
    honest = event_of(of_firm(*GENERATED).log[-1])
    forged = report(**made("mine", epoch=1, vouched=[]))(spec).record
    said: dict[str, Any] = {"address": address("mine"), "public_key": public_key("mine"), "vouched": [], "command": forged}
    with pytest.raises(NotDerived, match="its command would be refused"):
        derivation.believe(honest.model_copy(update=said))


# Age ------------------------------------------------------------------------------------------------------------------


def test_a_key_that_has_become_old_is_said_to_be_once_and_again_after_its_shares_were_renewed() -> None:
    spec = of_firm(*agreed(generate(rotate_after_days=10)), report(**made(epoch=1, vouched=all_vouched())))
    spec.after(10 * DAY - 1).then_nothing()
    spec.after(1).then("rotation-due")
    event = spec.only(RotationDue)
    assert (event.key_id, event.epoch, event.since) == (KEY, 1, spec.now)
    spec.after(DAY).then_nothing()
    spec.given(*agreed(ROTATE), report("rotated", **made(epoch=2, vouched=all_vouched(2))))
    spec.after(10 * DAY - 1).then_nothing()
    spec.after(1).then("rotation-due")
    assert spec.only(RotationDue).epoch == 2


def test_time_ends_proposals_and_ages_keys_at_once() -> None:
    spec = of_firm(*agreed(in_token(rotate_after_days=1)), report(**made()))
    spec.given(propose_key("rita", SuspendKey(key_id=KEY))).after(DAY).then("proposal-closed", "rotation-due")
    assert spec.only(RotationDue).epoch is None


@pytest.mark.parametrize("end", [(*agreed(DESTROY), report("destroyed", proofs=[token_destroyed(START)]))])
def test_what_is_gone_does_not_age(end: tuple[Step, ...]) -> None:
    of_firm(*IN_TOKEN, *end).after(800 * DAY).then_nothing()


def test_a_key_of_genesis_has_no_age() -> None:
    of_firm(trip("rita", "desk", "newswap")).after(800 * DAY).then_nothing()


def test_a_refused_report_says_what_would_help() -> None:
    spec = of_firm(*SHARED).when(report(**made(epoch=1, vouched=FOUR)))
    assert "have the ceremony done again" in spec.only(FirmCommandRejected).refusal.remedy

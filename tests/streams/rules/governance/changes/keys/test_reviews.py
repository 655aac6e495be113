"""An impossible proposal for a key is refused before approvals, with every reason at once."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.governance import ProposalClosed, WalletAssigned
from schemas.events.keys import CosignerEnrolled, KeyOrdered, KeyProposed, KeyResumed, KeySuspended
from schemas.keys import (
    DestroyKey,
    GenerateKey,
    KeyChange,
    KeyHolder,
    KeyVouched,
    ResumeKey,
    RotateKey,
    SafeAccount,
    SuspendKey,
)
from schemas.topics import COSIGNERS
from streams.rules.policy import starter
from streams.rules.refusals import governance as refusals
from streams.rules.refusals.keys import KeyUnproven
from tests.streams.rules.governance.changes.keys.ceremonies import (
    DESTROY,
    FIVE,
    GENERATED,
    IN_TOKEN,
    KEY,
    ROTATE,
    TOKEN_KEY,
    WRONG,
    activate,
    address,
    agreed,
    all_vouched,
    generate,
    in_token,
    made,
    of_firm,
    order,
    propose_key,
    public_key,
    recover,
    report,
    token_destroyed,
    vouched,
)
from tests.streams.rules.governance.changes.specification import START, Step, approve
from tests.world.firm import governance as firm

SUSPEND = SuspendKey(key_id=KEY)
RESUME = ResumeKey(key_id=KEY)
AFTER_TOKEN = RotateKey(key_id=TOKEN_KEY, successor="treasury-1b")


def holder(name: str = TOKEN_KEY, **changes: Any) -> KeyHolder:
    return KeyHolder.model_validate({"address": firm.TREASURY, "key_backend": "hsm", "key_id": name} | changes)


def safe(*owners: KeyHolder, threshold: int = 1, executor: KeyHolder | None = None) -> dict[str, Any]:
    sends = executor or holder(KEY, address=address(KEY))
    account = SafeAccount(threshold=threshold, owners=[*owners, sends], executor=sends)
    return {"key_id": "a-safe", "key_backend": "safe", "address": firm.VENUE, "safe": account}


def outsider() -> dict[str, Any]:
    """A Safe whose executor owns nothing of it."""
    named = safe(holder())
    return named | {"safe": named["safe"].model_copy(update={"owners": [holder()]})}


USABLE: list[tuple[str, tuple[Step, ...], KeyChange, tuple[str, ...]]] = [
    ("a key in shares is ordered", (), generate(), ("key-ordered",)),
    ("so is one in a token", (), in_token(), ("key-ordered",)),
    (
        "and one that could not be made before",
        (*agreed(in_token()), report("failed", refusal=WRONG)),
        in_token(),
        ("key-ordered",),
    ),
    ("a key that was made gets a wallet", GENERATED, activate(), ("wallet-assigned",)),
    ("so does a Safe of keys that were made", IN_TOKEN, activate(**safe(holder())), ("wallet-assigned",)),
    ("a key in shares is refreshed", GENERATED, ROTATE, ("key-ordered",)),
    ("also while it is suspended", (*GENERATED, *agreed(SUSPEND)), ROTATE, ("key-ordered",)),
    ("a token's key gets a successor", (), AFTER_TOKEN, ("key-ordered",)),
    ("a key of genesis is suspended", (), SuspendKey(key_id=TOKEN_KEY), ("key-suspended",)),
    ("and resumed", agreed(SuspendKey(key_id=TOKEN_KEY)), ResumeKey(key_id=TOKEN_KEY), ("key-resumed",)),
    ("a key without a wallet is destroyed", GENERATED, DESTROY, ("key-ordered",)),
    ("one with a wallet, once it is suspended", (*GENERATED, *agreed(activate()), *agreed(SUSPEND)), DESTROY, ("key-ordered",)),
    ("a lost share goes to somebody new", GENERATED, recover(), ("cosigner-enrolled", "key-ordered")),
    ("or to the same again", GENERATED, recover(keys="cosigner-3"), ("key-ordered",)),
]


@pytest.mark.parametrize(("before", "change", "topics"), [row[1:] for row in USABLE], ids=[row[0] for row in USABLE])
def test_what_could_be_done_is_done_when_a_quorum_agrees(
    before: tuple[Step, ...], change: KeyChange, topics: tuple[str, ...]
) -> None:
    spec = of_firm(*before, propose_key("sven", change))
    assert spec.only(KeyProposed).operation == change.kind
    spec.when(approve("cora")).then("proposal-approved")
    spec.when(approve("carl")).then("proposal-approved", "proposal-closed", *topics)


SAFE = (*IN_TOKEN, *agreed(activate(**safe(holder()))))
GONE = (*IN_TOKEN, *agreed(DESTROY), report("destroyed", proofs=[token_destroyed(START)]))

LOW_ORDER = (
    f"01{62 * '0'}",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    f"ec{60 * 'f'}7f",
)
"""Points of RFC 7748's curve that agree on nothing with anybody (its section 6.1; Bernstein, "Curve25519 FAQ")."""

UNUSABLE: list[tuple[str, tuple[Step, ...], KeyChange, str]] = [
    ("an id that is taken", (), in_token(TOKEN_KEY), "there is, was, or is being made a key 01"),
    ("the id of a key that was made", GENERATED, generate(), "there is, was, or is being made"),
    ("one that is being made", agreed(in_token()), in_token(), "there is, was, or is being made"),
    (
        "that of a successor which is being made",
        agreed(AFTER_TOKEN),
        in_token("treasury-1b"),
        "there is, was, or is being made",
    ),
    ("an id that is no name of a file", (), in_token("../etc"), "the id of a new key, '../etc'"),
    ("cosigners of a token's key", (), in_token(threshold=3), "backend hsm has no cosigners"),
    ("a cosigner that nobody enrolled", (), generate(cosigners=["cosigner-1", "mallory"]), "there is no cosigner mallory"),
    ("places left out", (), generate(cosigners=["cosigner-1", "cosigner-3"]), "must be those of the places 1, 2, 3"),
    ("the same twice", (), generate(cosigners=["cosigner-1", "cosigner-1"]), "must be those of the places 1, 2, 3"),
    ("no cosigners", (), generate(cosigners=[]), "its threshold must be 2 to 0"),
    ("a threshold of one", (), generate(threshold=1, sites_min=1), "its threshold must be 3 to 5"),
    ("two quorums that share nobody", (), generate(threshold=2, sites_min=1), "its threshold must be 3 to 5"),
    ("one above all", (), generate(threshold=6), "its threshold must be 3 to 5"),
    ("more sites than there are", (), generate(threshold=5, sites_min=4), "cannot be from 4 sites"),
    ("more sites than signers", (), generate(threshold=2, sites_min=3), "2 of its cosigners cannot be from 3 sites"),
    ("a wallet of no key", (), activate(), "there is no such key"),
    ("one of a key that is being made", agreed(generate()), activate(), "there is no such key"),
    ("a wallet at another address", GENERATED, activate(address=firm.VENUE), f"it is a key of backend mpc for {address(KEY)}"),
    ("one of another backend", GENERATED, activate(key_backend="hsm"), "not of hsm"),
    ("one of a key that is suspended", (*GENERATED, *agreed(SUSPEND)), activate(), "it is suspended"),
    ("a wallet's name again", GENERATED, activate(wallet_id="treasury-1"), "wallet treasury-1 is there already"),
    (
        "an account again",
        (*GENERATED, *agreed(activate())),
        activate(wallet_id="treasury-3"),
        f"there is a wallet at {address(KEY)} already",
    ),
    ("no desk", GENERATED, activate(desk_id="nowhere"), "there is no desk nowhere"),
    ("no chain", GENERATED, activate(chain_id=5), "no asset is listed on chain 5"),
    ("a holding address that nobody listed", GENERATED, activate(holding=firm.VENUE), "is neither a listed account"),
    ("a Safe of nobody", GENERATED, activate(**(safe(holder()) | {"safe": None})), "if and only if it is one"),
    ("owners of what is no Safe", GENERATED, activate(safe=safe(holder())["safe"]), "if and only if it is one"),
    (
        "a Safe of a key that is not there",
        (),
        activate(**safe(holder("02"))),
        "02, which is to sign for the Safe: there is no such",
    ),
    ("more signatures than owners", IN_TOKEN, activate(**safe(holder(), threshold=3)), "3 owners of the Safe must sign"),
    ("a Safe that anybody could send for", IN_TOKEN, activate(**outsider()), "is none of its owners"),
    ("an owner twice", IN_TOKEN, activate(**safe(holder(), holder())), f"owner of the Safe {firm.TREASURY}: listed 2 times"),
    ("an executor that is a wallet", IN_TOKEN, activate(**safe(executor=holder())), "take each other's nonces"),
    ("a refresh of no key", (), ROTATE, "there is no such key"),
    ("a refresh with a successor", GENERATED, RotateKey(key_id=KEY, successor="other"), "leave successor out"),
    ("a token's key without a successor", (), RotateKey(key_id=TOKEN_KEY), "the id of a new key, ''"),
    (
        "a successor to a key that is suspended",
        agreed(SuspendKey(key_id=TOKEN_KEY)),
        AFTER_TOKEN,
        "only a key that is active gets a successor",
    ),
    (
        "two orders about one key",
        (*GENERATED, *agreed(ROTATE)),
        DESTROY,
        "it was ordered to rotate it, and that is not done yet",
    ),
    ("an end of no key", (), DESTROY, "there is no such key"),
    ("the end of what signs for a wallet", (), DestroyKey(key_id=TOKEN_KEY), "it signs for treasury-1: move what is there"),
    ("a suspension of no key", (), SUSPEND, "there is no such key"),
    ("a resumption of no key", (), RESUME, "there is no such key"),
    ("the end of what signs for a Safe", SAFE, DestroyKey(key_id=KEY), "it signs for treasury-2: move what is there"),
    ("an end for a Safe", SAFE, DestroyKey(key_id="a-safe"), "it is a contract on the chain"),
    ("a key with the id of a Safe", SAFE, in_token("a-safe"), "there is, was, or is being made"),
    (
        "a Safe with the id of a key",
        IN_TOKEN,
        activate(**(safe(holder()) | {"key_id": KEY})),
        "there is a key with the id of the Safe",
    ),
    (
        "a Safe that is its own owner",
        IN_TOKEN,
        activate(**(safe(holder()) | {"address": firm.TREASURY})),
        "neither the Safe itself",
    ),
    ("what was destroyed", GONE, DESTROY, "it was destroyed"),
    ("what was destroyed, again", GONE, in_token(), "there is, was, or is being made"),
    ("a suspension of what was destroyed", GONE, SUSPEND, "it is destroyed, and signs nothing"),
    ("a resumption of what was destroyed", GONE, RESUME, "it is destroyed"),
    ("a share of a token's key", IN_TOKEN, recover(), "it is not in shares"),
    ("a share in a place that nobody has", GENERATED, recover(party=6), "none of its shares has the place 6"),
    ("one for somebody who has another", GENERATED, recover(cosigner="cosigner-4"), "cosigner cosigner-4: listed 2 times"),
    ("one for somebody unknown", GENERATED, recover(cosigner="mallory"), "cosigner mallory: is none of cosigner-1"),
    ("one with the keys of another", GENERATED, recover(keys="cosigner-4"), "cosigner's signing key 0x"),
    ("one with a key that is none", GENERATED, recover(signing_key="0x00"), "its signing key"),
    ("one with another that is none", GENERATED, recover(agreement_key="0x" + 64 * "0"), "is no X25519 key"),
    *(
        (
            f"one to whom nothing can be encrypted: {point[:8]}",
            GENERATED,
            recover(agreement_key=f"0x{point}"),
            "is no X25519 key",
        )
        for point in LOW_ORDER
    ),
    (
        "a site less than those who sign must be at",
        (*agreed(generate(sites_min=3)), report(**made(epoch=1, vouched=all_vouched()))),
        recover(5, site="london"),
        "would be at 2 sites, and those who sign must be at 3",
    ),
    ("a wallet of a key that is being destroyed", (*GENERATED, *agreed(DESTROY)), activate(), "it was ordered to destroy it"),
    (
        "one of a key of which some may be destroyed",
        (*GENERATED, *agreed(DESTROY), report("failed", refusal=WRONG)),
        activate(),
        "it was ordered to destroy it",
    ),
    (
        "a Safe with such an owner",
        (*IN_TOKEN, *agreed(DESTROY)),
        activate(**safe(holder())),
        "treasury-2, which is to sign for the Safe: it was ordered to destroy it",
    ),
    (
        "a resumption of what is being destroyed",
        (*GENERATED, *agreed(SUSPEND), *agreed(DESTROY)),
        RESUME,
        "it was ordered to destroy it",
    ),
]


@pytest.mark.parametrize(("before", "change", "words"), [row[1:] for row in UNUSABLE], ids=[row[0] for row in UNUSABLE])
def test_what_could_not_be_done_is_not_proposed(before: tuple[Step, ...], change: KeyChange, words: str) -> None:
    of_firm(*before).when(propose_key("sven", change)).then_rejected(refusals.ProposalUnusable, words)


def test_who_has_lost_its_place_refreshes_nothing_before_its_share_was_recovered() -> None:
    first, second = (
        (*agreed(three(key_id)), report(**made(key_id, epoch=1, vouched=words(key_id)))) for key_id in (KEY, "treasury-3")
    )
    spec = of_firm(*first, *second, *agreed(recover(cosigner="cosigner-4")), cosigners=FIVE[:3])
    assert set(spec.firm.cosigners) == {"cosigner-1", "cosigner-2", "cosigner-4"}
    spec.when(propose_key("sven", RotateKey(key_id="treasury-3")))
    spec.then_rejected(refusals.ProposalUnusable, "cosigner-3 is no cosigner any more: recover its share first")


def test_nor_does_its_word_count_any_more() -> None:
    first, second = (
        (*agreed(three(key_id)), report(**made(key_id, epoch=1, vouched=words(key_id)))) for key_id in (KEY, "treasury-3")
    )
    spec = of_firm(*first, *second, *agreed(ROTATE), cosigners=FIVE[:3])
    position = order(spec).position
    spec.given(*agreed(recover(key_id="treasury-3", cosigner="cosigner-4")))
    spec.when(report("rotated", ordered_position=position, **made(epoch=2, vouched=words(KEY, 2))))
    spec.then_rejected(KeyUnproven, "there is no cosigner cosigner-3")


def three(key_id: str) -> GenerateKey:
    return generate(key_id=key_id, threshold=2, cosigners=list(COSIGNERS[:3]))


def words(key_id: str, epoch: int = 1) -> list[KeyVouched]:
    said = {"key_id": key_id, "address": address(key_id), "public_key": public_key(key_id)}
    return [vouched(place, epoch, **said) for place in range(1, 4)]


@pytest.mark.parametrize(("before", "change"), [(agreed(SuspendKey(key_id=TOKEN_KEY)), "suspend"), ((), "resume")])
def test_what_is_so_already_is_not_proposed(before: tuple[Step, ...], change: str) -> None:
    said = SuspendKey(key_id=TOKEN_KEY) if change == "suspend" else ResumeKey(key_id=TOKEN_KEY)
    of_firm(*before).when(propose_key("sven", said)).then_rejected(refusals.NothingChanges)


@pytest.mark.parametrize("by", ["paula", "treasury-bot", "custodian"])
def test_who_may_not_propose_it_proposes_nothing(by: str) -> None:
    of_firm().when(propose_key(by, generate())).then_rejected(refusals.PolicyRefuses, "no-rule-permits")


def test_under_a_policy_older_than_keys_none_is_changed() -> None:
    alone = starter.CEDAR[: starter.CEDAR.index('@id("key-agreed")')]
    before = "".join(line for line in starter.CEDAR_SCHEMA.splitlines(keepends=True) if "change-key" not in line)
    spec = of_firm(policy=firm.policy(alone, cedar_schema=before))
    spec.when(propose_key("sven", generate())).then_rejected(
        refusals.PolicyRefuses, "its schema does not declare the action change-key"
    )


def test_the_wallet_is_what_was_agreed_to() -> None:
    spec = of_firm(*GENERATED, *agreed(activate(holding=firm.CUSTODIAN)))
    wallet = spec.only(WalletAssigned)
    assert (wallet.address, wallet.key_backend, wallet.holding) == (address(KEY), "mpc", firm.CUSTODIAN)
    assert wallet.proposal_id == spec.only(ProposalClosed).proposal_id
    assert spec.firm.wallets[KEY] == wallet


def test_a_suspension_says_why_and_holds_until_a_resumption() -> None:
    spec = of_firm(*GENERATED, *agreed(SUSPEND))
    assert spec.only(KeySuspended).reason == "a review"
    assert not spec.firm.keys[KEY].may_sign
    spec.given(*agreed(RESUME))
    assert spec.only(KeyResumed).key_id == KEY
    assert spec.firm.keys[KEY].may_sign


def test_who_takes_a_lost_place_is_enrolled_before_the_order() -> None:
    spec = of_firm(*GENERATED, *agreed(recover()))
    assert spec.only(KeyOrdered).change == recover()
    assert spec.firm.cosigners["cosigner-3"].cosigner == recover().cosigner == spec.only(CosignerEnrolled).cosigner
    assert len(spec.firm.cosigners) == 5


def test_what_was_done_meanwhile_ends_other_proposals_about_the_same_key() -> None:
    spec = of_firm(*GENERATED, propose_key("sven", SUSPEND), propose_key("rita", activate()))
    other = spec.proposal.proposal_id
    spec.given(propose_key("sven", ROTATE), approve("cora")).when(approve("carl"))
    spec.then("proposal-approved", "proposal-closed", "key-ordered", "proposal-closed", "proposal-closed")
    assert other in spec.partition.state.closed


def test_what_stopped_to_make_sense_is_not_done_when_it_is_agreed_to() -> None:
    first, second = activate(wallet_id="treasury-a"), activate(wallet_id="treasury-b")
    spec = of_firm(*GENERATED, propose_key("sven", first))
    identity = {"proposal_id": spec.proposal.proposal_id, "proposal_hash": spec.proposal.proposal_hash}
    spec.given(*agreed(second), approve("cora", **identity)).when(approve("carl", **identity))
    spec.then("proposal-approved", "proposal-closed")
    assert "there is a wallet at" in spec.only(ProposalClosed).message

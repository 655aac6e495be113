"""Selects a Safe's signers, replaces missing ones, and builds the transaction to send."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from infra.ethereum import transaction
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import packed
from infra.ethereum.safe.transaction import SafeCall
from infra.ethereum.transaction import Transaction
from schemas.events.governance import WalletAssigned
from schemas.events.keys import KeySuspended
from schemas.events.lifecycle import Simulated
from schemas.examples import example
from schemas.keys import CosignerVerdict, SafeAccount
from streams.rules.evidence.digests import OWN_PART, SAFE_PART, NothingToSign, digest_for
from streams.rules.firm.view import Governance, GovernanceFold
from streams.signing.backends import safe as safe_backend
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Task
from streams.signing.backends.safe import SafeSigner
from tests.world.chain.firm import CHAIN, NOW, PLACES, WALLET_ID, firm_events
from tests.world.chain.safe_scene import ANNA, BRUNO, CLARA, Owner, account

OWNERS: Final = {owner.name: owner for owner in (ANNA, BRUNO, CLARA)}
NONCE: Final = 9
SAFE_NONCE: Final = 4
CALL: Final = SafeCall(PLACES.friend, 10**18, b"\x01\x02", NONCE)


def firm(safe: SafeAccount | None, *suspended: str) -> Governance:
    fold = GovernanceFold()
    events = [
        event.model_copy(update={"key_backend": "safe", "safe": safe}) if isinstance(event, WalletAssigned) else event
        for event in firm_events()
    ]
    closed = [example(KeySuspended).model_copy(update={"key_id": key_id}) for key_id in suspended]
    for number, event in enumerate([*events, *closed], 1):
        fold.accept(event.model_copy(update={"position": number, "decided_at": NOW}))
    return fold.view


def simulated(number: int = 1) -> Simulated:
    unsigned = Transaction(CHAIN, NONCE, 1, 10, 200_000, PLACES.wallet, 0, safe_transaction.encode(CALL))
    return example(Simulated).model_copy(
        update={
            "order_id": f"0b9f4f0e-5b0c-5d3f-9c7e-{number:012d}",
            "wallet_id": WALLET_ID,
            "wallet": PLACES.wallet,
            "transaction": transaction.to_record(unsigned),
            "safe_nonce": SAFE_NONCE,
        }
    )


def task(number: int = 1) -> Task:
    event = simulated(number)
    unsigned = transaction.from_record(event.transaction)
    return Task(event, f"{number:064x}", transaction.digest(unsigned), "safe", "1")


@dataclass
class Holders:
    """All backends of an installation, as a test wants them."""

    refusing: dict[str, KeyUnusable] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    verdicts: dict[str, CosignerVerdict] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def sign(self, task: Task) -> Made | Pending:
        self.asked.append((task.key_id, task.part))
        if task.key_id in self.refusing:
            raise self.refusing[task.key_id]
        if task.key_id in self.late:
            return Pending(f"{task.key_id} is on the way")
        owner = Owner("impostor") if task.key_id in self.wrong else OWNERS[task.key_id]
        verdict = self.verdicts.get(task.key_id)
        return Made(owner.sign(task.digest), 0 if verdict is None else 3, "" if verdict is None else "ab" * 32, _all(verdict))


def _all(verdict: CosignerVerdict | None) -> tuple[CosignerVerdict, ...]:
    return () if verdict is None else (verdict,)


def signer(holders: Holders, safe: SafeAccount | None = None, *suspended: str) -> SafeSigner:
    known = firm(account() if safe is None else safe, *suspended)
    return SafeSigner(holders, lambda: known)


def executor_transaction(made: Made | Pending) -> Transaction:
    """The transaction that a Safe's executor signed, by its own account."""
    assert isinstance(made, Made)
    assert made.transaction is not None
    raw = transaction.assemble(made.transaction, made.signature).raw
    assert transaction.recover_sender(raw) == ANNA.address
    return made.transaction


def signed_by(made: Made | Pending, *owners: Owner) -> bool:
    hashed = safe_transaction.digest(CHAIN, PLACES.wallet, CALL, SAFE_NONCE)
    expected = packed({owner.address: owner.sign(hashed) for owner in owners}, ANNA.address)
    assert isinstance(made, Made)
    assert made.owners == (*(owner.name for owner in owners), ANNA.name)
    return safe_transaction.decode(executor_transaction(made).data) == (CALL, expected)


# Who signs ----------------------------------------------------------------------------------------------------------------


def test_one_owner_beside_the_executor_signs_for_two_of_three() -> None:
    holders = Holders()
    made = signer(holders).sign(task())
    assert signed_by(made, BRUNO)
    assert holders.asked == [("bruno", SAFE_PART), ("anna", OWN_PART)]


def test_nothing_but_the_signatures_differs_from_what_was_judged() -> None:
    judged = task()
    filled = executor_transaction(signer(Holders()).sign(judged))
    unsigned = transaction.from_record(judged.simulated.transaction)
    assert replace(filled, data=unsigned.data) == unsigned


@pytest.mark.parametrize(("threshold", "owners"), [(1, ()), (2, (BRUNO,)), (3, (BRUNO, CLARA))])
def test_as_many_owners_sign_as_are_asked_for(threshold: int, owners: tuple[Owner, ...]) -> None:
    assert signed_by(signer(Holders(), account(threshold=threshold)).sign(task()), *owners)


@pytest.mark.parametrize("trouble", ["refusing", "wrong", "suspended"])
def test_another_owner_signs_in_the_place_of_one_that_cannot(trouble: str) -> None:
    holders = Holders(
        refusing={"bruno": KeyUnusable("no such key")} if trouble == "refusing" else {},
        wrong={"bruno"} if trouble == "wrong" else set(),
    )
    made = signer(holders, None, *(["bruno"] if trouble == "suspended" else [])).sign(task())
    assert signed_by(made, CLARA)


# Who does not -------------------------------------------------------------------------------------------------------------


def test_too_few_owners_are_told_with_all_their_reasons() -> None:
    holders = Holders(refusing={"bruno": KeyUnusable("the token has no such key")}, wrong={"clara"})
    with pytest.raises(
        KeyUnusable, match=r"2 owners .* must sign, 1 do: the token has no such key; key clara signs for"
    ) as told:
        signer(holders).sign(task())
    assert told.value.check == "key"
    assert ("anna", OWN_PART) not in holders.asked, "the executor signs nothing that cannot be executed"


def test_what_owners_refuse_who_judge_for_themselves_is_the_check_that_is_named() -> None:
    refused = KeyUnusable("three cosigners refuse", "limits", "wait until tomorrow")
    holders = Holders(refusing={"bruno": KeyUnusable("no such key"), "clara": refused})
    with pytest.raises(KeyUnusable) as told:
        signer(holders).sign(task())
    assert (told.value.check, told.value.remedy) == ("limits", "wait until tomorrow")


@pytest.mark.parametrize(
    ("holders", "suspended"),
    [(Holders(refusing={"anna": KeyUnusable("gone")}), ()), (Holders(wrong={"anna"}), ()), (Holders(), ("anna",))],
)
def test_without_its_executor_a_safe_sends_nothing(holders: Holders, suspended: tuple[str, ...]) -> None:
    with pytest.raises(KeyUnusable):
        signer(holders, None, *suspended).sign(task())


@pytest.mark.parametrize(
    "safe",
    [
        account([BRUNO, CLARA]),
        account(threshold=4),
        SafeAccount(threshold=1, owners=[ANNA.holder("hybrid")], executor=ANNA.holder("hybrid")),
    ],
    ids=["executor is no owner", "too few owners", "executor in shares"],
)
def test_a_safe_that_cannot_be_used_signs_nothing(safe: SafeAccount) -> None:
    holders = Holders()
    with pytest.raises(KeyUnusable, match="cannot be used"):
        signer(holders, safe).sign(task())
    assert holders.asked == []


def test_only_what_was_simulated_is_signed_and_only_by_the_wallets_own_safe() -> None:
    holders = Holders()
    for changes in ({"digest": bytes(32)}, {"key_id": "2"}, {"backend": "hsm"}):
        with pytest.raises(KeyUnusable):
            signer(holders).sign(replace(task(), **changes))
    assert holders.asked == []


def test_a_safe_without_owners_signs_nothing() -> None:
    known = firm(None)
    with pytest.raises(KeyUnusable, match="nobody says whose"):
        SafeSigner(Holders(), lambda: known).sign(task())


# Waiting ------------------------------------------------------------------------------------------------------------------


def test_owners_in_shares_are_waited_for_and_those_who_signed_are_not_asked_again() -> None:
    verdict = example(CosignerVerdict)
    holders = Holders(late={"clara"}, verdicts={"clara": verdict})
    at_work = signer(holders, account(threshold=3))
    for _ in range(2):
        assert at_work.sign(task()) == Pending("clara is on the way")
    assert [name for name, _ in holders.asked] == ["bruno", "clara", "clara"]
    holders.late.clear()
    made = at_work.sign(task())
    assert signed_by(made, BRUNO, CLARA)
    assert isinstance(made, Made)
    assert (made.cosigners, made.session_id, made.epoch) == ((verdict,), "ab" * 32, 0)


def test_one_that_is_waited_for_is_not_doubled_by_another() -> None:
    holders = Holders(late={"bruno"})
    assert isinstance(signer(holders).sign(task()), Pending)
    assert [name for name, _ in holders.asked] == ["bruno"]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_backend, "WAITING_MAX", 2)
    holders = Holders(late={"clara"})
    at_work = signer(holders, account(threshold=3))
    for number in (1, 2, 3, 3, 1):
        at_work.sign(task(number))
    assert [name for name, _ in holders.asked].count("bruno") == 4, "only the first was forgotten"


# Digests ------------------------------------------------------------------------------------------------------------------


def wallet(backend: str = "safe") -> WalletAssigned:
    return firm(account()).wallets[WALLET_ID].model_copy(update={"key_backend": backend})


def test_an_owner_signs_the_safes_transaction_and_a_wallets_own_key_the_transaction_itself() -> None:
    event = simulated()
    assert digest_for(event, wallet(), "bruno", SAFE_PART) == safe_transaction.digest(CHAIN, PLACES.wallet, CALL, SAFE_NONCE)
    own = transaction.digest(transaction.from_record(event.transaction))
    assert digest_for(event, wallet("mpc"), "1", OWN_PART) == own


@pytest.mark.parametrize(
    ("backend", "safe_nonce", "key_id", "part", "reason"),
    [
        ("safe", SAFE_NONCE, "bruno", OWN_PART, "the enclave alone derives it"),
        ("safe", SAFE_NONCE, "anna", SAFE_PART, "none of those that sign for the Safe"),
        ("safe", SAFE_NONCE, "1", SAFE_PART, "none of those that sign for the Safe"),
        ("safe", None, "bruno", SAFE_PART, "no call of the Safe"),
        ("mpc", SAFE_NONCE, "other", OWN_PART, "does not sign with key other"),
        ("mpc", SAFE_NONCE, "1", SAFE_PART, "is no Safe"),
    ],
)
def test_no_key_signs_another_part(backend: str, safe_nonce: int | None, key_id: str, part: int, reason: str) -> None:
    event = simulated().model_copy(update={"safe_nonce": safe_nonce})
    with pytest.raises(NothingToSign, match=reason):
        digest_for(event, wallet(backend), key_id, part)


def other(event: Simulated, **changes: object) -> Simulated:
    unsigned = replace(transaction.from_record(event.transaction), **changes)  # type: ignore[arg-type]
    return event.model_copy(update={"transaction": transaction.to_record(unsigned)})


@pytest.mark.parametrize(
    "changes",
    [
        {"to": PLACES.friend},
        {"data": b""},
        {"data": b"\x01" * 40},
        {"nonce": NONCE + 1},
        {"data": safe_transaction.encode(replace(CALL, executor_nonce=NONCE + 1))},
    ],
    ids=["another contract", "no call", "another call", "another nonce outside", "another nonce inside"],
)
def test_owners_sign_for_nothing_but_a_call_of_their_safe(changes: dict[str, object]) -> None:
    with pytest.raises(NothingToSign):
        digest_for(other(simulated(), **changes), wallet(), "bruno", SAFE_PART)


def test_a_transaction_whose_fields_are_not_its_bytes_is_not_signed() -> None:
    event = simulated()
    forged = event.model_copy(update={"transaction": event.transaction.model_copy(update={"value": 1})})
    for held, key_id, part in ((wallet(), "bruno", SAFE_PART), (wallet("mpc"), "1", OWN_PART)):
        with pytest.raises(NothingToSign):
            digest_for(forged, held, key_id, part)

"""Orders that people approved, altered by an attacker with the desk's and execution's credentials.

The enclave's own process reads a real log and holds real keys. Beside the attacks stands an order of the same kind that nobody
touched: that one is signed, so what is refused is the attack.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import rlp  # type: ignore[import-untyped]  # ships no types

from infra.ethereum import calldata
from infra.ethereum.transaction import decode_raw, recover_sender
from infra.hsm.token import Token
from infra.local_cluster.local import Cluster
from schemas.canonical import approval_digest
from schemas.commands import GiveApproval
from schemas.events.base import Event
from schemas.events.lifecycle import ApprovalGiven, PolicyEvaluated, Signed, SigningRefused, Simulated
from schemas.orders import ApprovalSubject
from tests.scenarios.attacks.siege import Answers, enclave, publish, refused_by_signer
from tests.world.firm.governance import PINNED
from tests.world.line.forgery import Change, everywhere, rewritten, transaction, where
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import STRANGER, genesis, pay, wallet

pytestmark = pytest.mark.cluster

AMOUNT: Final = "30000"
BASE_UNITS: Final = 30_000 * 10**6
STALE_MICROS: Final = 90 * 1_000_000
APPROVER: Final = "rita"
LEFT_ALONE, STALE, AGAIN = "left alone", "stale simulation", "nonce reuse"


def in_turn(*changes: Change) -> Change:
    """All of them; each is of another order."""

    def change(event: Event) -> Event | list[Event] | None:
        for each in changes:
            if (made := each(event)) is not event:
                return made
        return event

    return change


def replayed(line: Line) -> Change:
    """The approval of the order that nobody touched, said of this one."""
    (given,) = line.events(ApprovalGiven, LEFT_ALONE)
    taken: dict[str, Any] = {name: getattr(given, name) for name in ("assertion", "approval_hash", "command")}
    return where(ApprovalGiven, "replayed approval", lambda own: own.model_copy(update=taken))


def swapped(_: Line) -> Change:
    """Approved and simulated; then the bytes pay somebody else."""
    return where(Simulated, "swapped calldata", transaction(data=calldata.encode(calldata.Transfer(STRANGER, BASE_UNITS))))


def shown_otherwise(line: Line) -> Change:
    """The approver really signed, but was shown a payment of a hundredth."""
    subject = next(e.approval_subject for e in line.events(PolicyEvaluated, "another effect shown") if e.approval_subject)
    assert isinstance(subject, ApprovalSubject)
    effect = subject.effect.model_copy(update={"spends": subject.effect.spends // 100})
    digest = approval_digest(subject.model_copy(update={"effect": effect}))
    assertion = line.keys[APPROVER].confirm(digest)

    def deceived(given: ApprovalGiven) -> ApprovalGiven:
        body = GiveApproval(order_id=given.order_id, approval_hash=digest.hex())
        command = given.command.model_copy(update={"body": body, "authorization": assertion})
        return given.model_copy(update={"approval_hash": digest.hex(), "assertion": assertion, "command": command})

    return where(ApprovalGiven, "another effect shown", deceived)


def recorded_otherwise(_: Line) -> Change:
    """The decision says that something else would happen."""
    name = "another effect recorded"
    return everywhere(
        name, lambda own: own.model_copy(update={"effect": own.effect.model_copy(update={"counterparty": STRANGER})})
    )


def unapproved(_: Line) -> Change:
    """Approved though nobody had approved."""
    return where(ApprovalGiven, "forged approval", lambda _: None)


def monstrous(_: Line) -> Change:
    """A payload with a number of thousands of digits, which once stopped whoever read it."""

    def make(simulated: Simulated) -> Simulated:
        items = rlp.decode(bytes.fromhex(simulated.transaction.signing_payload[4:]))
        items[1] = b"\xff" * 4_000
        payload = f"0x02{rlp.encode(items).hex()}"
        return simulated.model_copy(
            update={"transaction": simulated.transaction.model_copy(update={"signing_payload": payload})}
        )

    return where(Simulated, "monstrous payload", make)


ATTACKS: Final[dict[str, tuple[Callable[[Line], Change], str]]] = {
    "forged approval": (unapproved, "approvals"),
    "replayed approval": (replayed, "approvals"),
    "swapped calldata": (swapped, "call"),
    "another effect shown": (shown_otherwise, "approvals"),
    "another effect recorded": (recorded_otherwise, "effect"),
    "monstrous payload": (monstrous, "transaction"),
}
WALLET_OF: Final = {name: f"wallet-{number}" for number, name in enumerate([LEFT_ALONE, STALE, *ATTACKS])} | {AGAIN: "wallet-0"}
CHECKS: Final = {name: check for name, (_, check) in ATTACKS.items()} | {STALE: "simulation", AGAIN: "nonce"}


def agree(line: Line, name: str) -> None:
    """An order that a risk officer approved, before the enclave."""
    line.send(name, pay(AMOUNT, wallet_id=WALLET_OF[name]))
    line.run("desk")
    line.approve(name, APPROVER)
    line.run("desk", "execution")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """All attacks at once, and what the enclave says of each."""
    folder = tmp_path_factory.mktemp("siege")
    with Cluster(folder / "cluster", ["kafka", "token"], processes=[]) as cluster:
        description = cluster.description
        description.root_key_file.write_text(PINNED.hex())
        with Token.open(description.token.settings) as token:
            wallets = [wallet(each, address=token.generate_key(each)) for each in sorted({*WALLET_OF.values()})]
        line = Line(genesis(wallets=wallets), now=time.time_ns() // 1_000 - STALE_MICROS)
        agree(line, STALE)
        line.now = time.time_ns() // 1_000
        for name in (LEFT_ALONE, *ATTACKS):
            agree(line, name)
        forging = in_turn(*(forge(line) for forge, _ in ATTACKS.values()))
        forged = rewritten(line.records, forging)
        publish(description, forged)
        answers = Answers(description)
        with enclave(description, folder / "enclave.log"):
            answers.until([LEFT_ALONE, STALE, *ATTACKS])
            # Execution builds a wallet's next transaction when the one before is on the chain.
            line.records.append(answers.received[line.order_id(LEFT_ALONE)])
            line.chain.mine(next(each.address for each in wallets if each.wallet_id == WALLET_OF[LEFT_ALONE]))
            agree(line, AGAIN)
            later = rewritten(line.records, in_turn(forging, nonce_reused(line)))[len(forged) :]
            publish(description, (each for each in later if not isinstance(each.record, Signed)))
            answers.until([AGAIN])
        yield answers


def nonce_reused(line: Line) -> Change:
    """The transaction has the nonce that was signed for already."""
    used = simulated_of(line, LEFT_ALONE).record
    assert isinstance(used, Simulated)
    return where(Simulated, AGAIN, transaction(nonce=used.transaction.nonce))


def test_an_order_that_nobody_touched_is_signed(outcomes: Answers) -> None:
    signed = outcomes.of(LEFT_ALONE)
    assert isinstance(signed, Signed), signed
    raw = bytes.fromhex(signed.raw_transaction[2:])
    assert recover_sender(raw) == signed.wallet
    assert decode_raw(raw)[0].nonce == signed.nonce


@pytest.mark.parametrize("name", CHECKS)
def test_an_attack_is_refused_by_the_check_that_sees_it(outcomes: Answers, name: str) -> None:
    refused = outcomes.of(name)
    assert isinstance(refused, SigningRefused), refused
    assert refused.refusal.check == CHECKS[name], refused.refusal
    assert refused.refusal.remedy


def test_nothing_is_signed_but_what_nobody_touched(outcomes: Answers) -> None:
    assert [name for name in (LEFT_ALONE, *CHECKS) if outcomes.outcome(name) == "signed"] == [LEFT_ALONE]


def test_every_refusal_is_counted_by_its_check(outcomes: Answers) -> None:
    assert Counter(refused_by_signer(outcomes.description)) == Counter(CHECKS.values())

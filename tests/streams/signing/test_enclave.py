"""The enclave waits for missing evidence, ignores foreign events, and refuses keys that are not the wallet's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from infra.ethereum import transaction
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from schemas.events.base import Event, FirmEvent
from schemas.events.governance import WalletAssigned
from schemas.events.lifecycle import Approved, Signed, SigningRefused, Simulated
from schemas.events.observations import PriceObserved
from schemas.examples import example
from streams.engine.snapshots import SnapshotCodec
from streams.judging.evidence_reader import REFERENCE_TOPICS
from streams.rules.decider import Received, Recorded
from streams.rules.evidence.memory.velocity import VelocityCaps
from streams.rules.evidence.signing_decider import Judged, SignerState, SigningDecider
from streams.rules.evidence.signing_verdict import Verdict
from streams.rules.governance.root import NotRooted
from streams.rules.prices import observed as observations
from streams.rules.prices.observed import Observations
from streams.rules.refusals.orders import Refused
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Signer, Task
from streams.signing.backends.hsm import HsmSigner
from streams.signing.backends.switch import SwitchingSigner
from tests.world.line.forgery import everywhere, examined, fields, rewritten, tampered, where
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import allow, genesis, pay, swap, wallet

MINUTE = 60_000_000
FAR = 10**9


def without(records: list[Received], *kinds: type[Any]) -> list[Received]:
    return [received for received in records if not isinstance(received.record, kinds)]


# Waiting ------------------------------------------------------------------------------------------------------------------


def test_governance_that_has_not_come_yet_is_waited_for(paid: Line) -> None:
    assert examined(without(paid.records, FirmEvent), paid.now).of("o1") == "nothing"
    assert examined(without(paid.records, WalletAssigned), paid.now).of("o1") == "nothing"


def test_prices_that_have_not_come_yet_are_waited_for(swapped: Line) -> None:
    assert examined(without(swapped.records, PriceObserved), swapped.now).of("o1") == "nothing"


def test_what_can_no_longer_come_in_time_is_refused(paid: Line, swapped: Line) -> None:
    ahead = rewritten(paid.records, everywhere("o1", fields(governance_position=FAR)))
    assert examined(ahead, paid.now).of("o1") == "nothing"
    assert examined(ahead, paid.now + 2 * MINUTE).of("o1") == "governance"
    missing = without(swapped.records, PriceObserved)
    assert examined(missing, swapped.now + 2 * MINUTE).of("o1") == "prices"


# What is not answered -----------------------------------------------------------------------------------------------------


def test_a_flagged_simulation_is_the_desks(swapped: Line) -> None:
    flagged = rewritten(swapped.records, where(Simulated, "o1", fields(verdict="flagged")))
    assert examined(flagged, swapped.now).of("o1") == "nothing"


def test_a_record_that_is_no_simulation_is_not_answered(paid: Line) -> None:
    others = [r for r in paid.records if isinstance(r.record, Approved)]
    assert examined(paid.records, paid.now, others).answers == {}


def test_forged_governance_stops_the_enclave(paid: Line) -> None:
    def owned(event: Event) -> Event:
        return event.model_copy(update={"desk_id": "other"}) if isinstance(event, WalletAssigned) else event

    with pytest.raises(NotRooted):
        examined(tampered(paid.records, owned), paid.now)


def test_everything_that_is_looked_at_is_followed() -> None:
    assert {"order-initiated", "confirmed", "wallet-assigned", "price-observed", "quarantined"} <= set(REFERENCE_TOPICS)
    assert "commands" not in REFERENCE_TOPICS


# Observations -------------------------------------------------------------------------------------------------------------


def test_the_newest_observations_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "OBSERVATIONS_MAX", 2)
    seen = Observations()
    for offset in range(4):
        for _ in range(2):
            seen.accept(example(PriceObserved), offset)
    assert (list(seen.by_offset), seen.reached) == ([2, 3], 3)


# The decider --------------------------------------------------------------------------------------------------------------


def judged(line: Line, verdict: Verdict) -> Judged:
    simulated = simulated_of(line, "o1").record
    assert isinstance(simulated, Simulated)
    return Judged(simulated, verdict, None)


def test_an_order_that_passed_without_a_signature_is_refused_and_never_answered_again(paid: Line) -> None:
    decider, state = SigningDecider(), SignerState()
    message = judged(paid, Verdict(("chain-shape",)))
    outcome = decider.decide(state, message, paid.now)
    assert isinstance(outcome, tuple)
    (refused,) = outcome
    assert isinstance(refused, SigningRefused)
    assert refused.refusal.check == "key"
    assert decider.evolve(state, Recorded("signing-refused", refused, "")).last_nonces == {}
    assert decider.decide(state, message, paid.now) == ()
    assert decider.decide(state, None, paid.now) == ()
    assert decider.due(state, paid.now) == ()
    assert decider.tail(state, paid.order_id("o1")) is None


def test_events_that_say_nothing_of_nonces_change_nothing() -> None:
    assert SigningDecider().evolve(SignerState(), Recorded("approved", example(Approved), "")) == SignerState()


def test_refusals_are_counted_by_check() -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("proofdesk_refused_by_signer_total", {"check": "velocity"}) or 0.0

    before = counted()
    line = Line(caps=VelocityCaps(default_usd=Decimal(999)))
    line.send("o1", pay("1000"))
    line.send("o2", pay("999", wallet_id="treasury-2"))
    line.run()
    assert [line.outcome(name) for name in ("o1", "o2")] == ["velocity", "signed"]
    assert counted() == before + 1


def test_what_it_remembers_survives_a_snapshot() -> None:
    line = Line()
    line.send("o1", pay("1000"))
    line.run()
    worker = line.workers["signer"]
    codec: SnapshotCodec[SignerState] = SnapshotCodec(worker.processor)
    written = codec.write(worker.partition, {})
    snapshot = codec.read(written.head, written.pages)
    assert snapshot is not None
    assert snapshot.state == worker.partition.state
    assert line.order_id("o1") in snapshot.state.answered


# Keys ---------------------------------------------------------------------------------------------------------------------


class OtherKey:
    """A backend that signs with a key that is not the wallet's."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def sign(self, task: Task) -> Made | Pending:
        return self._signer.sign(replace(task, key_id="other"))


def test_a_signature_of_another_key_never_leaves() -> None:
    line = Line()
    line.use(OtherKey(line.key))
    line.send("o1", pay("1000"))
    line.run()
    assert (line.outcome("o1"), line.events(Signed)) == ("key", [])


@pytest.fixture
def token(tmp_path: Path) -> Any:
    with Token.open(initialise(tmp_path)) as opened:
        yield opened


@pytest.mark.token
def test_a_real_token_signs_for_its_own_wallets_and_refuses_others_one_by_one(token: Token) -> None:
    held = wallet(address=token.generate_key("treasury-1"))
    elsewhere = wallet("treasury-2", key_backend="mpc")
    missing, unnamed = wallet("treasury-3"), wallet("treasury-4", key_id="é")
    wallets = [held, elsewhere, missing, unnamed]
    line = Line(genesis(wallets=wallets))
    line.use(SwitchingSigner({"hsm": HsmSigner(token)}))
    for number, each in enumerate(wallets):
        line.send(f"o{number}", pay("1000", wallet_id=each.wallet_id))
    line.run()
    assert [line.outcome(f"o{number}") for number in range(len(wallets))] == ["signed", "key", "key", "key"]
    (signed,) = line.events(Signed)
    assert transaction.recover_sender(bytes.fromhex(signed.raw_transaction[2:])) == held.address
    line.send("again", pay("1000", wallet_id="treasury-3"))
    line.run()
    assert line.outcome("again") == "key"


def test_an_unusable_key_is_no_refusal_of_the_desk() -> None:
    assert not issubclass(KeyUnusable, Refused)


def test_every_check_that_passed_is_on_the_record() -> None:
    line = Line()
    for name, body in (("o1", swap("1000")), ("o2", allow("1000"))):
        line.send(name, body)
    line.run()
    checks = {tuple(signed.checks) for signed in line.events(Signed)}
    (named,) = checks
    assert named[0] == "chain-shape"
    assert set(named) >= {"command", "approvals", "limits", "policy", "simulation", "call", "fees", "nonce"}


def test_an_input_that_the_references_do_not_have_yet_is_judged_by_its_own_bytes(paid: Line) -> None:
    received = simulated_of(paid, "o1")
    behind = [each for each in paid.records if each is not received]
    assert examined(behind, paid.now, [received]).of("o1") == "signed"
    assert examined(behind, paid.now, [replace(received, offset=9)]).of("o1") == "signed"

"""A compromised execution gets only the order's own call signed, on its chain, in time, for a bounded fee."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.ethereum import calldata, spelled_call
from infra.ethereum.transaction import from_record, signing_payload
from schemas.events.lifecycle import OrderHeld, Simulated, SimulationFinding
from schemas.examples import example
from streams.rules.transactions import assembly
from streams.rules.transactions import fee_and_gas_bounds as bounds
from tests.world.firm.governance import CUSTODIAN, VENUE
from tests.world.line.forgery import Change, examined, fields, rewritten, transaction, where
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import STRANGER, address_of, call, deposit, pay, with_record, withdraw
from tests.world.line.simulated_chain import FIRST_NONCE

MINUTE = 60_000_000


def simulating(change: Any) -> Change:
    return where(Simulated, "o1", change)


def lengthened(simulated: Simulated) -> Simulated:
    unsigned = simulated.transaction
    longer = unsigned.model_copy(update={"signing_payload": unsigned.signing_payload + "00"})
    return simulated.model_copy(update={"transaction": longer})


def two_faced(simulated: Simulated) -> Simulated:
    """The fields show the order, the payload pays a stranger."""
    stolen = replace(from_record(simulated.transaction), data=calldata.encode(calldata.Transfer(STRANGER, 1_000_000_000)))
    payload = f"0x{signing_payload(stolen).hex()}"
    shown = simulated.transaction.model_copy(update={"signing_payload": payload})
    return simulated.model_copy(update={"transaction": shown})


FINDING = SimulationFinding(code="reverts", message="it would fail")

ATTACKS: dict[str, tuple[Change, str]] = {
    "input swapped": (simulating(transaction(data=calldata.encode(calldata.Transfer(CUSTODIAN, 1_000_000_001)))), "call"),
    "another receiver in the input": (
        simulating(transaction(data=calldata.encode(calldata.Transfer(STRANGER, 1_000_000_000)))),
        "call",
    ),
    "an allowance instead": (
        simulating(transaction(data=calldata.encode(calldata.Approve(CUSTODIAN, 1_000_000_000)))),
        "call",
    ),
    "bytes after the input": (
        simulating(transaction(data=calldata.encode(calldata.Transfer(CUSTODIAN, 1_000_000_000)) + b"\x00")),
        "call",
    ),
    "another contract": (simulating(transaction(to=VENUE)), "call"),
    "money along with it": (simulating(transaction(value=1)), "call"),
    "another chain": (simulating(transaction(chain_id=1)), "transaction"),
    "bytes after the payload": (simulating(lengthened), "transaction"),
    "fields that show something else": (simulating(two_faced), "transaction"),
    "a fee above the cap": (simulating(transaction(max_fee_per_gas=bounds.FEE_PER_GAS_WEI_MAX + 1)), "fees"),
    "gas above the cap": (simulating(transaction(gas_limit=bounds.GAS_LIMIT_MAX + 1)), "fees"),
    "fee and gas that are much together": (
        simulating(transaction(max_fee_per_gas=bounds.FEE_PER_GAS_WEI_MAX, gas_limit=1_000_001)),
        "fees",
    ),
    "a nonce that leaves a gap": (simulating(transaction(nonce=FIRST_NONCE + 1)), "nonce"),
    "a nonce of long ago": (simulating(transaction(nonce=FIRST_NONCE - 1)), "nonce"),
    "findings hushed up": (simulating(fields(findings=[FINDING])), "simulation"),
    "another wallet": (simulating(fields(wallet_id="treasury-2")), "wallet"),
    "another account": (simulating(fields(wallet=STRANGER)), "wallet"),
    "a simulation from the future": (
        simulating(lambda s: s.model_copy(update={"decided_at": s.decided_at + MINUTE})),
        "chain-shape",
    ),
    "two simulations": (
        simulating(lambda s: [s.model_copy(update={"verdict": "flagged"}), s]),
        "chain-shape",
    ),
    "a simulation that was held before": (
        simulating(lambda s: [example(OrderHeld).model_copy(update=_place_of(s)), s]),
        "chain-shape",
    ),
}


def _place_of(simulated: Simulated) -> dict[str, Any]:
    return {name: getattr(simulated, name) for name in ("desk_id", "order_id", "decided_at")}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_forged_transaction_is_refused_by_the_check_that_sees_it(paid: Line, name: str) -> None:
    forge, check = ATTACKS[name]
    found = examined(rewritten(paid.records, forge), paid.now)
    assert found.of("o1") == check, found.messages
    assert found.digests == []


def test_a_stale_simulation_is_refused(paid: Line) -> None:
    settings = 60 * 1_000_000
    simulated = simulated_of(paid, "o1").record
    assert isinstance(simulated, Simulated)
    assert examined(paid.records, simulated.decided_at + settings).of("o1") == "signed"
    assert examined(paid.records, simulated.decided_at + settings + 1).of("o1") == "simulation"


@pytest.mark.parametrize("slippage", [None, 10_001])
def test_a_swap_that_loses_more_than_its_bound_or_was_not_measured_is_refused(swapped: Line, slippage: int | None) -> None:
    assert examined(swapped.records, swapped.now).of("o1") == "signed"
    forged = rewritten(swapped.records, simulating(fields(slippage_ppm=slippage)))
    assert examined(forged, swapped.now).of("o1") == "simulation"


def test_a_swap_with_a_weaker_minimum_is_refused(swapped: Line) -> None:
    simulated = simulated_of(swapped, "o1").record
    assert isinstance(simulated, Simulated)
    call = calldata.decode(bytes.fromhex(simulated.transaction.input[2:]))
    assert isinstance(call, calldata.ExactInputSingle)
    for weaker in (
        replace(call, amount_out_minimum=0),
        replace(call, deadline=call.deadline + 1),
        replace(call, recipient=STRANGER),
    ):
        forged = rewritten(swapped.records, simulating(transaction(data=calldata.encode(weaker))))
        assert examined(forged, swapped.now).of("o1") == "call"


FORGED_CALLS: dict[str, tuple[Any, Any, bytes]] = {
    "a deposit for somebody else": (deposit("1000"), None, calldata.encode(calldata.Deposit(1_000_000_000, STRANGER))),
    "a deposit of more": (
        deposit("1000"),
        None,
        calldata.encode(calldata.Deposit(1_000_000_001, address_of("treasury-1"))),
    ),
    "a withdrawal to somebody else": (
        withdraw("1000"),
        None,
        calldata.encode(calldata.Withdraw(1_000_000_000, STRANGER, address_of("treasury-1"))),
    ),
    "a withdrawal for a transfer": (withdraw("1000"), None, calldata.encode(calldata.Transfer(STRANGER, 1_000_000_000))),
    "another argument": (call("enter(uint256)", "7"), "rita", spelled_call.encode("enter(uint256)", ["8"])),
    "another function": (call("enter(uint256)", "7"), "rita", spelled_call.encode("leave(uint256)", ["7"])),
    "bytes after the arguments": (
        call("enter(uint256)", "7"),
        "rita",
        spelled_call.encode("enter(uint256)", ["7"]) + b"\x00" * 32,
    ),
}


@pytest.mark.parametrize("name", FORGED_CALLS)
def test_another_call_than_was_ordered_is_refused(name: str) -> None:
    body, approver, data = FORGED_CALLS[name]
    line = Line()
    line.send("o1", body)
    line.run("desk")
    if approver is not None:
        line.approve("o1", approver)
    line.run("desk", "execution")
    assert examined(line.records, line.now).of("o1") == "signed"
    found = examined(rewritten(line.records, simulating(transaction(data=data))), line.now)
    assert (found.of("o1"), found.digests) == ("call", [])


def test_what_execution_may_build_is_within_what_the_enclave_signs() -> None:
    assert assembly.MAX_FEE_WEI_MAX <= bounds.FEE_PER_GAS_WEI_MAX
    assert assembly.gas_limit(10**9) <= bounds.GAS_LIMIT_MAX


# Nonces -----------------------------------------------------------------------------------------------------------------


def two_offers(second: int) -> Line:
    """Two orders of one wallet, of which the second is offered `second` nonces after the first."""
    line = Line()
    line.send("o1", pay("1000"))
    line.run()
    line.send("o2", pay("1001"))
    line.run("desk", "execution")
    line.records[:] = rewritten(line.records, where(Simulated, "o2", transaction(nonce=FIRST_NONCE + second)))
    return line


@pytest.mark.parametrize(("second", "answer"), [(0, "nonce"), (1, "signed"), (2, "nonce")])
def test_only_the_nonce_that_is_next_is_signed(second: int, answer: str) -> None:
    line = two_offers(second)
    line.run("signer")
    assert line.outcome("o2") == answer


@pytest.mark.parametrize(("second", "answer"), [(0, "nonce"), (1, "signed"), (2, "nonce")])
def test_an_enclave_that_lost_its_state_folds_its_nonces_back(second: int, answer: str) -> None:
    line = two_offers(second)
    line.restart_signer()
    line.run("signer")
    assert (line.outcome("o1"), line.outcome("o2")) == ("signed", answer)


def test_the_same_order_offered_again_is_not_answered_again() -> None:
    line = Line()
    line.send("o1", pay("1000"))
    line.run()
    received = simulated_of(line, "o1")
    assert isinstance(received.record, Simulated)
    other = with_record(received, transaction(nonce=FIRST_NONCE + 1)(received.record))
    for offered in (replace(received, offset=7), replace(other, offset=8)):
        assert line.workers["signer"].partition.offer(offered, line.now) == []
    assert len(line.key.digests) == 1


def test_a_second_simulation_with_other_bytes_contests_the_chain(paid: Line) -> None:
    received = simulated_of(paid, "o1")
    assert isinstance(received.record, Simulated)
    other = replace(with_record(received, transaction(nonce=FIRST_NONCE)(fields(gas_used=1)(received.record))), offset=9)
    assert examined(paid.records, paid.now, [other, received]).of("o1") == "chain"
    assert examined([*paid.records, other], paid.now, [received]).of("o1") == "chain"


def test_an_amount_is_compared_to_the_last_unit() -> None:
    line = Line()
    line.send("o1", pay("0.000001"))
    line.run("desk", "execution")
    double = calldata.encode(calldata.Transfer(CUSTODIAN, 2))
    assert examined(rewritten(line.records, simulating(transaction(data=double))), line.now).of("o1") == "call"
    assert examined(line.records, line.now).of("o1") == "signed"

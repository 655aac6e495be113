"""The enclave judges orders of a Safe: it signs valid ones and refuses each fault by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from infra.ethereum import transaction
from infra.ethereum.calldata import CalldataRefused
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import packed
from infra.ethereum.safe.transaction import SafeCall
from infra.ethereum.transaction import Signature
from schemas.commands import InitiateOrder
from schemas.events.lifecycle import Confirmed, Signed, SigningRefused, Simulated
from streams.rules.evidence.memory.payloads import payload_of, payload_signed
from streams.rules.governance.root import RootedGovernance
from streams.signing.backends.safe import with_safes
from tests.world.firm.governance import CHAIN, PINNED
from tests.world.line.forgery import examined, fields, rewritten, where
from tests.world.line.forgery import transaction as another
from tests.world.line.line import Feed, Line, signer
from tests.world.line.scenery import STRANGER, address_of, allow, call, deposit, pay, private_key, swap
from tests.world.line.signer_memory import JournalInMemory, memory_on
from tests.world.line.simulated_chain import FIRST_NONCE
from tests.world.line.simulated_safe import EXECUTOR, OWNERS, SAFE, safe_line


def employed(line: Line) -> Line:
    """Put an enclave to work that has Safes, and the memory of the one before it."""
    governance = RootedGovernance(PINNED)
    backends = with_safes({"hsm": line.key}, lambda: governance.view)
    line.employ(signer(Feed(line.records), backends, governance, memory_on(line.journal, line.caps)))
    return line


@pytest.fixture(scope="module")
def paid() -> Line:
    """`o1` pays a listed account from the Safe; nothing is signed yet."""
    line = safe_line()
    line.send("o1", pay("1000"))
    line.run("desk", "execution")
    return line


def owner_signature(name: str, digest: bytes) -> Signature:
    made = private_key(name).sign_recoverable(digest, hasher=None)
    return Signature(made[64], int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big"))


# What is signed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [pay("1000"), pay("0.5", asset="ETH"), swap("20000"), allow("20000"), deposit("20000")])
def test_an_order_of_a_safe_is_signed_and_confirmed(body: InitiateOrder) -> None:
    line = employed(safe_line())
    line.send("o1", body)
    line.run()
    assert line.outcome("o1") == "signed", line.events(SigningRefused)
    assert len(line.events(Confirmed)) == 1
    (signed,) = line.events(Signed)
    raw = bytes.fromhex(signed.raw_transaction[2:])
    assert (signed.wallet, transaction.recover_sender(raw)) == (SAFE, address_of(EXECUTOR))
    assert signed.attestation is not None
    assert (signed.key_backend, signed.attestation.backend) == ("safe", "safe")


def test_it_is_what_was_simulated_with_the_signatures_of_its_owners() -> None:
    line = employed(safe_line())
    line.send("o1", pay("1000"))
    line.run()
    (simulated,), (signed,) = line.events(Simulated), line.events(Signed)
    sent, _ = transaction.decode_raw(bytes.fromhex(signed.raw_transaction[2:]))
    unsigned = transaction.from_record(simulated.transaction)
    inside, signatures = safe_transaction.decode(sent.data)
    assert replace(sent, data=safe_transaction.encode(inside)) == unsigned
    assert simulated.safe_nonce is not None
    digest = safe_transaction.digest(CHAIN, SAFE, inside, simulated.safe_nonce)
    second = OWNERS[1]
    assert signatures == packed({address_of(second): owner_signature(second, digest)}, address_of(EXECUTOR))


def test_what_is_remembered_from_the_log_is_what_was_simulated() -> None:
    line = employed(safe_line())
    line.send("o1", pay("1000"))
    line.run()
    (simulated,), (signed,) = line.events(Simulated), line.events(Signed)
    learned, asked = payload_signed(signed), payload_of(simulated, "safe", Decimal(1000), line.now)
    assert (learned.digest, learned.call) == (asked.digest, asked.call)
    with pytest.raises(CalldataRefused):
        payload_signed(signed.model_copy(update={"raw_transaction": plain_transaction()}))


def plain_transaction() -> str:
    """A transaction that calls no Safe."""
    line = Line()
    line.send("o1", pay("1000"))
    line.run()
    (signed,) = line.events(Signed)
    return signed.raw_transaction


def test_a_safes_orders_go_one_after_the_other_each_with_nonces_of_its_own() -> None:
    line = employed(safe_line())
    for name in ("o1", "o2", "o3"):
        line.send(name, pay("1000"))
    line.run()
    simulated = line.events(Simulated)
    assert [each.transaction.nonce for each in simulated] == [FIRST_NONCE, FIRST_NONCE + 1, FIRST_NONCE + 2]
    assert [each.safe_nonce for each in simulated] == [0, 1, 2]
    assert len(line.events(Signed)) == len(simulated)


def test_wallets_with_keys_of_their_own_are_signed_for_as_before() -> None:
    line = employed(safe_line())
    line.send("o1", pay("1000", wallet_id="treasury-2"))
    line.run()
    (signed,) = line.events(Signed)
    assert transaction.recover_sender(bytes.fromhex(signed.raw_transaction[2:])) == address_of("treasury-2") == signed.wallet


def test_an_enclave_that_lost_its_memory_goes_on_from_the_log() -> None:
    line = employed(safe_line())
    line.send("o1", pay("1000"))
    line.run()
    line.journal = JournalInMemory()
    employed(line)
    line._restore("signer", Signed, SigningRefused)
    line.send("o2", pay("1000"))
    line.run()
    assert [line.outcome(name) for name in ("o1", "o2")] == ["signed", "signed"]


def test_an_enclave_without_safes_refuses_and_nothing_is_sent() -> None:
    line = safe_line()
    line.send("o1", pay("1000"))
    line.run()
    assert line.outcome("o1") == "key"
    assert line.events(Signed) == []


# What is refused ----------------------------------------------------------------------------------------------------------


Forged = Callable[[Simulated], Simulated]


def inside(**changes: object) -> Forged:
    """Another call of the Safe in a simulation's place."""

    def forge(simulated: Simulated) -> Simulated:
        meant, _ = safe_transaction.decode(transaction.from_record(simulated.transaction).data)
        return another(data=safe_transaction.encode(replace(meant, **changes)))(simulated)  # type: ignore[arg-type]

    return forge


def signed_already(simulated: Simulated) -> Simulated:
    meant, _ = safe_transaction.decode(transaction.from_record(simulated.transaction).data)
    return another(data=safe_transaction.encode(meant, bytes(65)))(simulated)


def bare(simulated: Simulated) -> Simulated:
    """The call by itself, as a wallet with a key of its own would make it."""
    meant, _ = safe_transaction.decode(transaction.from_record(simulated.transaction).data)
    return another(to=meant.to, value=meant.value, data=meant.data)(simulated)


@pytest.mark.parametrize(
    ("forged", "check"),
    [
        (inside(to=STRANGER), "call"),
        (inside(value=1), "call"),
        (inside(data=b""), "call"),
        (inside(executor_nonce=FIRST_NONCE + 1), "call"),
        (signed_already, "call"),
        (bare, "call"),
        (another(to=STRANGER), "call"),
        (another(value=1), "call"),
        (fields(safe_nonce=None), "call"),
        (fields(wallet=address_of(EXECUTOR)), "wallet"),
        (another(gas_limit=6_000_000), "fees"),
    ],
    ids=[
        "another receiver",
        "money along",
        "another call",
        "another transaction's nonce",
        "signatures that nobody judged",
        "not through the Safe",
        "another Safe",
        "money for the Safe",
        "no nonce of the Safe",
        "the executor as the wallet",
        "gas above the cap",
    ],
)
def test_a_transaction_of_a_safe_that_is_not_its_orders_is_refused(paid: Line, forged: Forged, check: str) -> None:
    found = examined(rewritten(paid.records, where(Simulated, "o1", forged)), paid.now)
    assert (found.of("o1"), found.digests) == (check, [])


def test_a_wallet_with_a_key_of_its_own_makes_no_call_of_a_safe() -> None:
    line = Line()
    line.send("o1", call("enter(uint256)", "7"))
    line.run("desk")
    line.approve("o1", "rita")
    line.run("desk", "execution")
    forged = rewritten(line.records, where(Simulated, "o1", fields(safe_nonce=0)))
    assert examined(forged, line.now).of("o1") == "call"
    (simulated,) = line.events(Simulated)
    meant = transaction.from_record(simulated.transaction)
    assert meant.to is not None
    wrapped = safe_transaction.encode(SafeCall(meant.to, meant.value, meant.data, meant.nonce))
    forged = rewritten(line.records, where(Simulated, "o1", another(data=wrapped)))
    assert examined(forged, line.now).of("o1") == "call"

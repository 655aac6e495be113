"""A Safe of two kinds of keys: one in shares, which cosigners use after judging for themselves; one in a token, which sends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from infra.ethereum import transaction
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import SIGNATURE_BYTES
from infra.ethereum.transaction import Signature, signer_of
from schemas.canonical import cosigner_verdict_digest
from schemas.events.lifecycle import Signed, SigningRefused, Simulated
from schemas.firm_commands import ProposeKey, ReportKey
from schemas.keys import ActivateKey, GenerateKey, KeyHolder, SafeAccount
from schemas.sessions import SessionOpened
from schemas.topics import COSIGNERS
from streams.rules.evidence.digests import OWN_PART, SAFE_PART, safe_digest
from streams.sessions.signed_messages import require_signed
from streams.signing.backends.safe import with_safes
from tests.streams.cosigning.conftest import made_again
from tests.world.firm.governance import CHAIN
from tests.world.line.cosigners import KEY, Table, enrolled
from tests.world.line.line import KeyInMemory, simulated_of
from tests.world.line.scenery import DESK, SECOND, address_of, pay, private_key
from tests.world.line.simulated_safe import SAFE, SafeChainInMemory

pytestmark = pytest.mark.shares

EXECUTOR = "executor"
WALLET = "vault-safe"
TRIES_MAX = 60


@pytest.fixture
def table(made: Table, tmp_path: Path) -> Table:
    """A table whose key owns a Safe together with one in a token; the enclave has both."""
    generated = made.firm.keys[KEY].generated
    assert generated is not None
    shared = KeyHolder(address=generated.address, key_backend="mpc", key_id=KEY)
    executor = KeyHolder(address=address_of(EXECUTOR), key_backend="hsm", key_id=EXECUTOR)
    account = SafeAccount(threshold=2, owners=[shared, executor], executor=executor)
    folder = tmp_path / "table"
    shutil.copytree(made.folder, folder)
    table = Table(made_again(made.line, SafeChainInMemory(account=account)), folder)
    table.line.keys = dict(made.line.keys)
    ordered = table.order(GenerateKey(key_id=EXECUTOR, backend="hsm"))
    public_key = f"0x{private_key(EXECUTOR).public_key.format(compressed=False).hex()}"
    table.report(
        ReportKey(ordered_position=ordered.position, outcome="generated", address=address_of(EXECUTOR), public_key=public_key)
    )
    activate = ActivateKey(
        key_id=WALLET, key_backend="safe", wallet_id=WALLET, desk_id=DESK, chain_id=CHAIN, address=SAFE, safe=account
    )
    table.line.change_firm(ProposeKey(change=activate, reason="a vault"), by="sven")
    table.line.use(with_safes({"hsm": KeyInMemory(), "mpc": table.signer()}, lambda: table.firm))
    return table


def sessions(table: Table) -> list[SessionOpened]:
    return [each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign"]


def test_cosigners_sign_as_an_owner_and_the_token_sends(table: Table) -> None:
    table.line.send("o1", pay("1000", wallet_id=WALLET))
    table.line.run()
    assert table.line.outcome("o1") == "signed", table.line.events(SigningRefused)
    (simulated,), (signed,) = table.line.events(Simulated), table.line.events(Signed)
    raw = bytes.fromhex(signed.raw_transaction[2:])
    assert transaction.recover_sender(raw) == address_of(EXECUTOR)
    digest = safe_digest(simulated, table.firm.wallets[WALLET])
    _, signatures = safe_transaction.decode(transaction.decode_raw(raw)[0].data)
    words = [signatures[start : start + SIGNATURE_BYTES] for start in range(0, len(signatures), SIGNATURE_BYTES)]
    (word,) = [each for each in words if each[-1] != 1]
    made = Signature(word[-1] - 27, int.from_bytes(word[:32], "big"), int.from_bytes(word[32:64], "big"))
    generated = table.firm.keys[KEY].generated
    assert generated is not None
    assert signer_of(digest, made) == generated.address
    assert [each.part for each in sessions(table)] == [SAFE_PART]


def test_the_attestation_holds_the_verdict_of_each_cosigner_on_the_safes_own_digest(table: Table) -> None:
    table.line.send("o1", pay("1000", wallet_id=WALLET))
    table.line.run()
    (simulated,), (signed,) = table.line.events(Simulated), table.line.events(Signed)
    assert signed.attestation is not None
    assert (signed.attestation.backend, signed.attestation.session_id) == ("safe", sessions(table)[0].session_id)
    digest = safe_digest(simulated, table.firm.wallets[WALLET])
    verdicts = signed.attestation.cosigners
    assert len(verdicts) == 3
    for verdict in verdicts:
        require_signed(enrolled(verdict.cosigner), cosigner_verdict_digest(verdict, signed.order_id, digest), verdict.signature)


@pytest.mark.parametrize("part", [OWN_PART, 2])
def test_no_cosigner_signs_another_part_of_a_safes_transaction(table: Table, part: int) -> None:
    table.line.send("o1", pay("1000", wallet_id=WALLET))
    table.line.run("desk", "execution")
    received = simulated_of(table.line, "o1")
    participants = ["cosigner-1", "cosigner-2", "cosigner-3"]
    order_id = table.line.order_id("o1")
    opened = table.hold(
        table.opened("sign", participants=participants, order_id=order_id, simulated_hash=received.digest, part=part)
    )
    assert table.refused(opened) == dict.fromkeys(participants, "payload")


def test_a_safe_waits_for_silent_cosigners_as_long_as_its_simulation_is_fresh_and_its_executor_signs_nothing(
    table: Table,
) -> None:
    table.away = set(COSIGNERS[2:])
    token = KeyInMemory()
    table.line.use(with_safes({"hsm": token, "mpc": table.signer()}, lambda: table.firm))
    table.line.send("o1", pay("1000", wallet_id=WALLET))
    for _ in range(TRIES_MAX):
        table.line.run()
        table.line.now += SECOND
        if table.line.outcome("o1") != "nothing":
            break
    (refused,) = table.line.events(SigningRefused)
    assert (refused.refusal.check, token.digests) == ("simulation", [])

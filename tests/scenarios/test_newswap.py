"""Runs `make demo`'s story on a system of its own: every step holds; then reads its Safe's history from the log alone."""

from __future__ import annotations

import pytest

from infra.ethereum import transaction
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import SENDER_IS_OWNER, SIGNATURE_BYTES, V_OF_PARITY
from infra.ethereum.transaction import Signature, recover_sender, signer_of
from schemas.events.lifecycle import Signed, Simulated
from tests.scenarios.newswap.demo import STEPS, Demo, tell
from tests.scenarios.newswap.joint import THRESHOLD
from tests.scenarios.newswap.steps import Script
from tests.world.whole_system import WholeSystem, verified

pytestmark = pytest.mark.cluster

PAYMENTS = 2


@pytest.fixture(scope="module")
def script(whole_system: WholeSystem) -> Script:
    told = Script()
    tell(told, Demo(whole_system.cast))
    return told


def test_newswap_and_what_follows_hold_from_signed_commands_to_confirmed_transactions(script: Script) -> None:
    assert script.held == STEPS


@pytest.mark.usefixtures("script")
def test_each_payment_of_the_safe_is_signed_by_two_of_its_owners_and_sent_by_one_of_them(whole_system: WholeSystem) -> None:
    keys = {key["key_id"]: key for key in whole_system.cast.reader.read("/v1/keys")["keys"]}
    signed = [each.event for each in whole_system.log(["signed"]) if isinstance(each.event, Signed)]
    of_safes = [each for each in signed if each.key_backend == "safe"]
    chains = whole_system.order_log([each.order_id for each in of_safes])
    assert len(of_safes) == PAYMENTS
    for payment in of_safes:
        links = chains[payment.order_id]
        assert verified(links)[-2:] == ["confirmed", "limit-posted"]
        [simulated] = [link.event for link in links if isinstance(link.event, Simulated)]
        safe = keys[payment.key_id]["safe"]
        owners, executor = {owner["address"] for owner in safe["owners"]}, safe["executor"]["address"]
        assert recover_sender(bytes.fromhex(payment.raw_transaction[2:])) == executor
        assert len(owners & signers(payment, simulated, executor)) == THRESHOLD


def signers(payment: Signed, simulated: Simulated, executor: str) -> set[str]:
    """The owners whose signatures the Safe was given, read back from the raw transaction."""
    sent, _ = transaction.decode_raw(bytes.fromhex(payment.raw_transaction[2:]))
    call, words = safe_transaction.decode(sent.data)
    digest = safe_transaction.digest(payment.chain_id, payment.wallet, call, int(simulated.safe_nonce or 0))
    cut = [words[start : start + SIGNATURE_BYTES] for start in range(0, len(words), SIGNATURE_BYTES)]
    numbers = [(word[64], int.from_bytes(word[:32], "big"), int.from_bytes(word[32:64], "big")) for word in cut]
    return {executor if v == SENDER_IS_OWNER else signer_of(digest, Signature(v - V_OF_PARITY, r, s)) for v, r, s in numbers}

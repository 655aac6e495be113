"""The real contract executes valid Safe transactions and refuses all others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from eth_utils.crypto import keccak

from infra.chain.safe import standing_of
from infra.chain.world.artefacts import SAFE_FALLBACK_HANDLER, SAFE_SINGLETON, SAFE_SINGLETON_L2, artefact
from infra.ethereum.answers import Receipt
from infra.ethereum.safe.deployment import creation
from infra.ethereum.safe.signatures import packed
from infra.ethereum.safe.transaction import SafeCall, digest, encode
from schemas.keys import SafeAccount
from tests.world.chain.local_chain import ETHER
from tests.world.chain.safe_scene import ANNA, BRUNO, CLARA, GAS_LIMIT, Owner, SafeScene, account, deployed

pytestmark = pytest.mark.chain

STRANGER = Owner("stranger")
FULL = account()


def executed(  # noqa: PLR0913 - each by name, and most of them never
    scene: SafeScene,
    safe: str,
    call: SafeCall,
    signed_by: Sequence[Owner] = (BRUNO,),
    sender: Owner = ANNA,
    *,
    word_of: Owner = ANNA,
    safe_nonce: int = 0,
    gas_limit: int = GAS_LIMIT,
) -> Receipt:
    """Let owners sign a call and the executor carry it to the chain."""
    hashed = digest(scene.chain_id, safe, call, safe_nonce)
    signatures = packed({owner.address: owner.sign(hashed) for owner in signed_by}, word_of.address)
    return scene.send(sender, safe, encode(call, signatures), gas_limit=gas_limit)


def paying(scene: SafeScene, wei: int = ETHER) -> SafeCall:
    return SafeCall(STRANGER.address, wei, b"", scene.nonce(ANNA))


def test_what_owners_sign_is_what_the_contract_hashes(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    call = SafeCall(STRANGER.address, 5, b"\x01\x02\x03", 7)
    asked = artefact(SAFE_SINGLETON).call(
        "getTransactionHash", call.to, call.value, call.data, 0, 0, 7, 0, "0x" + "00" * 20, "0x" + "00" * 20, 11
    )
    assert scene.node.call(safe, asked) == digest(scene.chain_id, safe, call, 11)


@pytest.mark.parametrize("other", [BRUNO, CLARA], ids=lambda owner: owner.name)
@pytest.mark.parametrize("executor", [ANNA, BRUNO], ids=lambda owner: owner.name)
def test_two_of_three_owners_pay_whatever_the_order_of_their_addresses(scene: SafeScene, executor: Owner, other: Owner) -> None:
    signer = ANNA if other is executor else other
    safe = scene.established(account(executor=executor))
    assert executed(scene, safe, paying(scene), [signer], executor, word_of=executor).succeeded
    assert scene.node.balance(STRANGER.address) == ETHER


def test_a_safe_of_one_owner_pays_on_its_executors_word_alone(scene: SafeScene) -> None:
    safe = scene.established(account([ANNA], threshold=1))
    assert executed(scene, safe, paying(scene), []).succeeded


def test_a_safe_of_three_takes_all_three(scene: SafeScene) -> None:
    safe = scene.established(account(threshold=3))
    assert not executed(scene, safe, paying(scene), [BRUNO]).succeeded
    assert executed(scene, safe, paying(scene), [BRUNO, CLARA]).succeeded


def test_nobody_but_the_executor_can_send_what_owners_signed(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    call = paying(scene)
    assert not executed(scene, safe, call, sender=CLARA).succeeded
    assert not executed(scene, safe, call, sender=CLARA, word_of=CLARA, signed_by=[STRANGER]).succeeded
    assert executed(scene, safe, call).succeeded


def test_what_is_not_signed_by_enough_owners_is_refused(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    assert not executed(scene, safe, paying(scene), []).succeeded
    assert not executed(scene, safe, paying(scene), [STRANGER]).succeeded
    assert not executed(scene, safe, paying(scene), [ANNA]).succeeded, "the executor is counted once"


def test_a_signature_is_good_for_one_nonce_of_the_safe(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    call = paying(scene)
    assert not executed(scene, safe, call, safe_nonce=1).succeeded
    assert executed(scene, safe, call, safe_nonce=0).succeeded
    assert not executed(scene, safe, call, safe_nonce=0).succeeded


def test_a_call_that_fails_fails_the_whole_transaction_and_uses_no_nonce(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    assert not executed(scene, safe, paying(scene, 11 * ETHER)).succeeded
    assert standing_of(scene.node, safe, FULL, scene.node.head()).nonce == 0
    assert executed(scene, safe, paying(scene)).succeeded
    assert standing_of(scene.node, safe, FULL, scene.node.head()).nonce == 1


def test_the_address_is_known_before_the_safe_exists(scene: SafeScene) -> None:
    plans = [creation(FULL, salt, factory=scene.factory, singleton=scene.singleton) for salt in (1, 2)]
    assert plans[0].address != plans[1].address
    assert scene.node.code(plans[0].address) == b""
    assert scene.established(FULL, salt=1) == plans[0].address
    assert scene.node.code(plans[0].address) != b""


# Whether it is what governance speaks of ----------------------------------------------------------------------------------


def reason(scene: SafeScene, safe: str, meant: SafeAccount = FULL) -> str | None:
    return standing_of(scene.node, safe, meant, scene.node.head()).reason


def changed(scene: SafeScene, safe: str, function: str, *arguments: object) -> None:
    """Have the owners change their Safe."""
    nonce = standing_of(scene.node, safe, FULL, scene.node.head()).nonce
    call = SafeCall(safe, 0, artefact(SAFE_SINGLETON).call(function, *arguments), scene.nonce(ANNA))
    assert executed(scene, safe, call, safe_nonce=nonce).succeeded


def test_a_safe_as_governance_says_may_be_used(scene: SafeScene) -> None:
    assert reason(scene, scene.established(FULL)) is None


def test_the_safe_with_more_events_is_one_too(scene: SafeScene) -> None:
    verbose = SafeScene(scene.node, scene.chain_id, scene.factory, deployed(scene.node, CLARA, SAFE_SINGLETON_L2))
    assert reason(scene, verbose.established(FULL)) is None


def test_what_is_no_safe_is_told(scene: SafeScene) -> None:
    for address in (STRANGER.address, scene.factory, scene.singleton):
        assert "no Safe 1.4.1" in str(reason(scene, address))
    other = SafeScene(scene.node, scene.chain_id, scene.factory, deployed(scene.node, CLARA, SAFE_FALLBACK_HANDLER))
    planned = creation(FULL, 0, factory=other.factory, singleton=other.singleton)
    scene.send(CLARA, planned.factory, planned.data)
    assert "no Safe 1.4.1" in str(reason(scene, planned.address)), "a proxy of another contract"


def test_other_owners_or_another_threshold_than_governances_are_told(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    assert "owners on the chain" in str(reason(scene, safe, account([ANNA, BRUNO])))
    assert "2 of the Safe's owners must sign" in str(reason(scene, safe, account(threshold=3)))


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("enableModule", "may move everything"),
        ("setFallbackHandler", "may speak for the Safe"),
    ],
)
def test_what_acts_without_the_owners_is_told(scene: SafeScene, function: str, told: str) -> None:
    safe = scene.established(FULL)
    changed(scene, safe, function, STRANGER.address)
    assert told in str(reason(scene, safe))


def test_a_guard_is_told(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    slot = "0x" + keccak(text="guard_manager.guard.address").hex()
    scene.node.rpc.request("anvil_setStorageAt", safe, slot, "0x" + STRANGER.address[2:].lower().rjust(64, "0"))
    assert "may stop" in str(reason(scene, safe))


def test_safes_own_fallback_handler_may_be_there(scene: SafeScene) -> None:
    safe = scene.established(FULL)
    changed(scene, safe, "setFallbackHandler", deployed(scene.node, CLARA, SAFE_FALLBACK_HANDLER))
    assert reason(scene, safe) is None

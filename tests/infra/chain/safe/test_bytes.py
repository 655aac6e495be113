"""Checks the bytes that a Safe's owners sign and the call that carries them; its authors' hashes identify the code."""

from __future__ import annotations

import json

import pytest
from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from infra.chain import safe as standing
from infra.chain.world.accounts import create2_address
from infra.chain.world.artefacts import (
    NODE_MODULES,
    SAFE_FALLBACK_HANDLER,
    SAFE_PROXY,
    SAFE_PROXY_FACTORY,
    SAFE_SINGLETON,
    SAFE_SINGLETON_L2,
    artefact,
)
from infra.chain.world.plan import SAFE_DEPLOYER
from infra.ethereum import spelled_call
from infra.ethereum.calldata import MalformedCalldata, UnknownSelector
from infra.ethereum.safe import deployment
from infra.ethereum.safe.proxy_code import PROXY_CREATION_CODE
from infra.ethereum.safe.signatures import SIGNATURE_BYTES, packed, unfit
from infra.ethereum.safe.transaction import (
    EXECUTE_SELECTOR,
    EXECUTE_TYPES,
    NOBODY,
    SafeCall,
    decode,
    digest,
    encode,
    with_signatures,
    without_signatures,
)
from infra.ethereum.transaction import signer_of
from schemas.keys import SafeAccount
from tests.world.chain.safe_scene import ANNA, BRUNO, CLARA, account

CALL = SafeCall(BRUNO.address, 7, b"\xab" * 5, 3)
WORDS = st.integers(0, 2**256 - 1)


@given(
    st.builds(SafeCall, st.sampled_from([ANNA.address, NOBODY]), WORDS, st.binary(max_size=200), WORDS),
    st.binary(max_size=200),
)
def test_what_is_encoded_is_decoded_and_nothing_else(call: SafeCall, signatures: bytes) -> None:
    calldata = encode(call, signatures)
    assert decode(calldata) == (call, signatures)
    assert with_signatures(encode(call), signatures) == calldata
    assert without_signatures(calldata) == encode(call)
    for other in (calldata + b"\0", calldata[:-1]):
        with pytest.raises(MalformedCalldata):
            decode(other)


@pytest.mark.parametrize(
    ("place", "value"),
    [(3, 1), (4, 1), (6, 1), (7, ANNA.address), (8, ANNA.address)],
    ids=["delegate call", "gas of its own", "refund", "refund in a token", "refund to somebody"],
)
def test_a_safe_transaction_of_another_kind_is_none_of_ours(place: int, value: object) -> None:
    fields: list[object] = [CALL.to, CALL.value, CALL.data, 0, 0, 3, 0, NOBODY, NOBODY, b""]
    assert EXECUTE_SELECTOR + abi_encode(EXECUTE_TYPES, fields) == encode(CALL)
    fields[place] = value
    with pytest.raises(MalformedCalldata, match="plain call without a refund"):
        decode(EXECUTE_SELECTOR + abi_encode(EXECUTE_TYPES, fields))


def test_other_functions_and_fields_out_of_range_are_refused() -> None:
    with pytest.raises(UnknownSelector):
        decode(b"\x01\x02\x03\x04")
    with pytest.raises(MalformedCalldata):
        encode(SafeCall(BRUNO.address, 2**256, b"", 0))
    with pytest.raises(MalformedCalldata, match="checksummed"):
        encode(SafeCall(BRUNO.address.lower(), 0, b"", 0))
    with pytest.raises(MalformedCalldata, match="signatures already"):
        with_signatures(encode(CALL, b"\x01"), b"\x02")


def test_every_field_is_in_what_owners_sign() -> None:
    others = [
        digest(1, ANNA.address, CALL, 1),
        digest(2, ANNA.address, CALL, 0),
        digest(1, CLARA.address, CALL, 0),
        *(
            digest(1, ANNA.address, each, 0)
            for each in (
                SafeCall(CLARA.address, 7, CALL.data, 3),
                SafeCall(CALL.to, 8, CALL.data, 3),
                SafeCall(CALL.to, 7, b"", 3),
                SafeCall(CALL.to, 7, CALL.data, 4),
            )
        ),
    ]
    assert len({digest(1, ANNA.address, CALL, 0), *others}) == len(others) + 1


def test_signatures_stand_in_the_order_of_their_owners() -> None:
    hashed = digest(1, ANNA.address, CALL, 0)
    signed = {owner.address: owner.sign(hashed) for owner in (CLARA, BRUNO)}
    words = packed(signed, ANNA.address)
    cut = [words[start : start + SIGNATURE_BYTES] for start in range(0, len(words), SIGNATURE_BYTES)]
    in_order = sorted((ANNA, BRUNO, CLARA), key=lambda owner: int(owner.address, 16))
    assert [word[-1] in (27, 28) for word in cut] == [owner is not ANNA for owner in in_order]
    assert packed(dict(reversed(signed.items())), ANNA.address) == words
    assert all(signer_of(hashed, each) == owner for owner, each in signed.items())


@pytest.mark.parametrize(
    ("safe", "told"),
    [
        (account(), None),
        (account([ANNA], threshold=1), None),
        (account(threshold=4), "4 of 3 owners"),
        (account([ANNA, BRUNO, BRUNO]), "2 of 2 owners must sign, and 3 are named"),
        (account([BRUNO, CLARA]), "none of its owners"),
        (SafeAccount(threshold=1, owners=[ANNA.holder("mpc")], executor=ANNA.holder("mpc")), "in shares"),
    ],
)
def test_a_safe_is_fit_or_it_is_said_why_not(safe: SafeAccount, told: str | None) -> None:
    reason = unfit(safe)
    assert reason is None if told is None else told in str(reason)


@pytest.mark.parametrize(
    ("name", "hashes"),
    [
        (SAFE_PROXY, {standing.PROXY_CODE}),
        (SAFE_SINGLETON, standing.SINGLETON_CODES),
        (SAFE_SINGLETON_L2, standing.SINGLETON_CODES),
        (SAFE_FALLBACK_HANDLER, {standing.FALLBACK_CODE}),
    ],
)
def test_code_is_known_by_the_hash_of_what_its_authors_published(name: str, hashes: frozenset[str]) -> None:
    published = json.loads((NODE_MODULES / name).read_bytes())["deployedBytecode"]
    assert keccak(bytes.fromhex(published[2:])).hex() in hashes


def test_a_proxy_is_created_by_the_code_that_its_authors_published() -> None:
    assert PROXY_CREATION_CODE.hex() == artefact(SAFE_PROXY).init_code_hex


def test_an_order_spells_out_exactly_the_call_that_creates_a_safe() -> None:
    planned = deployment.creation(account(), 41)
    assert spelled_call.encode(deployment.CREATE, planned.arguments) == planned.data
    assert planned.data == artefact(SAFE_PROXY_FACTORY).call(
        "createProxyWithNonce", planned.singleton, planned.setup, planned.salt
    )
    assert deployment.creation(account(), 42).address != planned.address


@pytest.mark.parametrize("salt", [-1, 2**256])
def test_a_salt_is_a_word(salt: int) -> None:
    with pytest.raises(ValueError, match="2\\^256"):
        deployment.creation(account(), salt)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (SAFE_SINGLETON, deployment.SINGLETON),
        (SAFE_SINGLETON_L2, deployment.SINGLETON_L2),
        (SAFE_PROXY_FACTORY, deployment.PROXY_FACTORY),
    ],
)
def test_the_addresses_on_public_chains_are_those_of_this_very_code(name: str, address: str) -> None:
    assert create2_address(SAFE_DEPLOYER, bytes(32), artefact(name).init_code()) == address

"""Published transactions: EIP-1559 is read and written byte for byte, all others are refused, EIP-155 recovers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import pytest
import rlp  # type: ignore[import-untyped]  # ships no types
from coincurve import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from infra.ethereum.recovery import CURVE_ORDER, address_of, normalise
from infra.ethereum.transaction import (
    UINT256_MAX,
    Signature,
    Transaction,
    TransactionInvalid,
    assemble,
    decode_payload,
    decode_raw,
    digest,
    recover_sender,
    signing_payload,
)
from tests.vectors.published import published

TYPED: Final[list[dict[str, Any]]] = published("ethers/typed-transactions.json.gz")
LEGACY: Final[list[dict[str, Any]]] = published("ethers/transactions.json.gz")
CHAIN_5: Final = 5


def octets(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def number(field: Any) -> int:
    """A number as a vector spells it: absent, an integer, or 0x-hex of any length."""
    return int(field.removeprefix("0x") or "0", 16) if isinstance(field, str) else int(field or 0)


def token_signature(key: PrivateKey, hashed: bytes) -> Signature:
    """A token's form of the signature: s in the upper half, and no parity."""
    made = key.sign_recoverable(hashed, hasher=None)
    r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big")
    point = key.public_key.format(compressed=False)
    found = normalise(r.to_bytes(32, "big") + (CURVE_ORDER - s).to_bytes(32, "big"), hashed, point)
    assert found is not None
    return Signature(found.y_parity, found.r, found.s)


# EIP-1559 -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fields:
    """A vector's own fields, read without our code."""

    tx: dict[str, Any]

    def ours(self) -> Transaction:
        to = self.tx.get("to")
        return Transaction(
            chain_id=number(self.tx.get("chainId")),
            nonce=number(self.tx.get("nonce")),
            max_priority_fee_per_gas=number(self.tx.get("maxPriorityFeePerGas")),
            max_fee_per_gas=number(self.tx.get("maxFeePerGas")),
            gas_limit=number(self.tx.get("gasLimit")),
            to=to_checksum_address(to) if to else None,
            value=number(self.tx.get("value")),
            data=octets(self.tx.get("data", "")),
        )

    def why_not(self) -> str:
        """Why the enclave would never sign it; empty when it would."""
        if self.tx.get("accessList"):
            return "access list"
        if not number(self.tx.get("chainId")):
            return "any chain"
        fee, gas = number(self.tx.get("maxFeePerGas")), number(self.tx.get("gasLimit"))
        if number(self.tx.get("maxPriorityFeePerGas")) > fee:
            return "priority fee above the fee"
        return "fee beyond any number" if fee * gas > UINT256_MAX else ""


def test_eip_1559_transactions_are_read_and_made_again_byte_for_byte_or_refused() -> None:
    judged: Counter[str] = Counter()
    for vector in (each for each in TYPED if each["tx"].get("type") == 2):
        fields, name = Fields(vector["tx"]), vector["name"]
        reason, unsigned, signed = fields.why_not(), octets(vector["unsigned"]), octets(vector["signed"])
        judged[reason or "signed"] += 1
        if reason:
            with pytest.raises(TransactionInvalid):
                decode_payload(unsigned)
            with pytest.raises(TransactionInvalid):
                decode_raw(signed)
            continue
        transaction = fields.ours()
        assert (signing_payload(transaction), decode_payload(unsigned)) == (unsigned, transaction), name
        assert recover_sender(signed) == to_checksum_address(vector["address"]), name
        made = assemble(transaction, token_signature(PrivateKey(octets(vector["key"])), digest(transaction)))
        assert (made.raw, made.hash) == (signed, "0x" + keccak(signed).hex()), name
    assert judged["signed"] > 100
    assert sum(judged.values()) == 1_024


def test_transactions_of_other_kinds_are_not_taken_for_ours() -> None:
    others = [each for each in TYPED if each["tx"].get("type") != 2]
    assert len(others) == 768
    for vector in others:
        with pytest.raises(TransactionInvalid, match="not an EIP-1559"):
            decode_payload(octets(vector["unsigned"]))
        with pytest.raises(TransactionInvalid, match="not an EIP-1559"):
            decode_raw(octets(vector["signed"]))


# EIP-155 ------------------------------------------------------------------------------------------------------------------


def test_signatures_over_a_chain_id_are_found_with_their_parity_and_signer() -> None:
    for vector in LEGACY:
        key = PrivateKey(octets(vector["privateKey"]))
        unsigned, signed = octets(vector["unsignedTransactionChainId5"]), octets(vector["signedTransactionChainId5"])
        *_, v, r, s = (int.from_bytes(field, "big") for field in rlp.decode(signed))
        assert address_of(key.public_key.format(compressed=False)) == to_checksum_address(vector["accountAddress"])
        assert token_signature(key, keccak(unsigned)) == Signature(v - 35 - 2 * CHAIN_5, r, s), vector["name"]
    assert len(LEGACY) == 1_067


def test_a_signature_over_one_chains_digest_recovers_to_nobody_in_particular_on_another() -> None:
    for vector in LEGACY[:200]:
        key = PrivateKey(octets(vector["privateKey"]))
        *_, r, s = (int.from_bytes(field, "big") for field in rlp.decode(octets(vector["signedTransactionChainId5"])))
        anywhere = keccak(octets(vector["unsignedTransaction"]))
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        assert normalise(raw, anywhere, key.public_key.format(compressed=False)) is None


def test_legacy_transactions_are_never_taken_for_ours() -> None:
    for vector in LEGACY:
        for name in ("signedTransaction", "signedTransactionChainId5"):
            with pytest.raises(TransactionInvalid):
                decode_raw(octets(vector[name]))
        for name in ("unsignedTransaction", "unsignedTransactionChainId5"):
            with pytest.raises(TransactionInvalid):
                decode_payload(octets(vector[name]))


EXAMPLE_KEY: Final = "46" * 32
EXAMPLE_PAYLOAD: Final = "ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"
EXAMPLE_HASH: Final = "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"
EXAMPLE_V: Final = 37
EXAMPLE_R: Final = 0x28EF61340BD939BC2195FE537567866003E1A15D3C71FF63E1590620AA636276
EXAMPLE_S: Final = 0x67CBE9D8997F761AECB703304B3800CCF555C9F3DC64214B297FB1966A3B6D83


def test_the_example_in_the_text_of_eip_155() -> None:
    hashed = keccak(octets(EXAMPLE_PAYLOAD))
    assert hashed.hex() == EXAMPLE_HASH
    made = token_signature(PrivateKey(octets(EXAMPLE_KEY)), hashed)
    assert (made.y_parity + EXAMPLE_V, made.r, made.s) == (EXAMPLE_V, EXAMPLE_R, EXAMPLE_S)

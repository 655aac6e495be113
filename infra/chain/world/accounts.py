"""The local world's own accounts, derived from one mnemonic (BIP-39, BIP-32, BIP-44), and the addresses they deploy to.

Decides that the world lives under BIP-44 account 1, so that it never shares a nonce with the usual accounts 0 of a
development node. Contract addresses: keccak(rlp([sender, nonce])) for CREATE, EIP-1014 for CREATE2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import rlp  # type: ignore[import-untyped]  # ships no types
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from infra.ethereum.transaction import Signature, SignedTransaction, assemble, digest

if TYPE_CHECKING:
    from infra.ethereum.transaction import Transaction

DERIVATION_PATH: Final = "m/44'/60'/1'/0/{index}"
_ECDSA: Final = CoinCurveECCBackend()


@dataclass(frozen=True, slots=True)
class WorldAccount:
    """A key of the local world. Its repr shows the address only."""

    address: str
    _key: PrivateKey

    def __repr__(self) -> str:
        """Keep the key out of logs and tracebacks."""
        return f"WorldAccount({self.address})"

    def sign(self, transaction: Transaction) -> SignedTransaction:
        """Return the transaction signed."""
        signature = _ECDSA.ecdsa_sign(digest(transaction), self._key)
        return assemble(transaction, Signature(signature.v, signature.r, signature.s))


@dataclass(frozen=True, slots=True)
class WorldAccounts:
    """Names the accounts of the local world by role."""

    issuer: WorldAccount
    """Deploys USDC and WETH, and mints."""
    newswap: WorldAccount
    """Deploys NewSwap and provides its liquidity."""
    reference: WorldAccount
    """Deploys the reference venue; has nothing to do with NewSwap."""
    arbitrageur: WorldAccount
    """Brings NewSwap's price back."""
    proxy_admin: WorldAccount
    """Owns USDC's proxy; Circle's proxy lets its admin call nothing else."""
    safes: WorldAccount
    """Has Safe's contracts deployed."""

    @classmethod
    def from_mnemonic(cls, mnemonic: str) -> Self:
        """Derive the six keys. Raises eth_utils.ValidationError for what is no BIP-39 mnemonic."""
        # One PBKDF2 for all: it is nearly all of the 11 ms that a derivation takes.
        seed = seed_from_mnemonic(mnemonic, "")
        return cls(*(_account(seed, index) for index in range(6)))


def _account(seed: bytes, index: int) -> WorldAccount:
    key = PrivateKey(key_from_seed(seed, DERIVATION_PATH.format(index=index)), backend=_ECDSA)
    return WorldAccount(key.public_key.to_checksum_address(), key)


def created_address(sender: str, nonce: int) -> str:
    """Return the address of the contract that `sender` creates with the transaction of this nonce."""
    return to_checksum_address(keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce]))[-20:])


def create2_address(factory: str, salt: bytes, init_code: bytes) -> str:
    """Return the address of the contract that `factory` creates with CREATE2."""
    return to_checksum_address(keccak(b"\xff" + bytes.fromhex(factory[2:]) + salt + keccak(init_code))[-20:])

"""Seals bytes under AES-256 keys that never leave the token (GCM: SP 800-38D, PKCS#11 3.0 section 6.10.3).

A sealing key is as protected as a signing key and does nothing else. Each seal has a random nonce. Bytes that cannot be
opened are told apart from a token that fails, although SoftHSM reports both as CKR_GENERAL_ERROR.
Leaves out key wrapping (CKM_AES_KEY_WRAP_PAD): SoftHSM pads it wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, SecretKey, Session
from pkcs11.exceptions import EncryptedDataInvalid, EncryptedDataLenRange, FunctionFailed, GeneralError
from pkcs11.types import DecryptMixin, EncryptMixin

from infra.hsm.errors import KeyUnfit, KeyUnknown, SealBroken
from infra.hsm.key_pairs import PROTECTED, PROTECTION, key_name

KEY_BITS: Final = 256
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
VERSION: Final = b"\x01"
PROBE: Final = b"proofdesk/probe/v1"
_UNOPENED: Final = (EncryptedDataInvalid, EncryptedDataLenRange, FunctionFailed, GeneralError)


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One key's handle, in its two uses."""

    seals: EncryptMixin
    opens: DecryptMixin


def generate(session: Session, key_id: str) -> None:
    """Make a key in the token; the caller checks that the token kept it."""
    session.generate_key(
        KeyType.AES,
        KEY_BITS,
        id=key_name(key_id),
        label=key_id,
        store=True,
        capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        template=PROTECTED,
    )


def find(session: Session, key_id: str) -> SealingKey:
    """Return the key. Raises KeyIdInvalid, KeyUnknown or KeyUnfit."""
    found = list(session.get_objects({Attribute.ID: key_name(key_id), Attribute.CLASS: ObjectClass.SECRET_KEY}))
    if not found:
        raise KeyUnknown(key_id)
    (key, *more) = found
    if more or not isinstance(key, SecretKey):
        raise KeyUnfit(key_id, f"names {len(found)} secret keys")
    for attribute, wanted in PROTECTION.items():
        if key[attribute] is not wanted:
            raise KeyUnfit(key_id, f"is not {attribute.name} = {wanted}")
    if not (isinstance(key, EncryptMixin) and isinstance(key, DecryptMixin)):
        raise KeyUnfit(key_id, "may not seal")
    return SealingKey(key, key)


def seal(session: Session, key: SealingKey, plain: bytes, context: bytes) -> bytes:
    """Return version, nonce, ciphertext and tag; `context` is authenticated with them."""
    nonce = bytes(session.generate_random(8 * NONCE_BYTES))
    sealed = key.seals.encrypt(plain, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, context, 8 * TAG_BYTES))
    return VERSION + nonce + _whole(sealed)


def unseal(session: Session, key: SealingKey, key_id: str, sealed: bytes, context: bytes) -> bytes:
    """Return the sealed bytes' content. Raises SealBroken; PKCS11Error when the token can open nothing at all."""
    head = len(VERSION) + NONCE_BYTES
    if not sealed.startswith(VERSION) or len(sealed) < head + TAG_BYTES:
        raise SealBroken(key_id)
    try:
        return _opened(key, sealed, context)
    except _UNOPENED:
        _opened(key, seal(session, key, PROBE, context), context)
        raise SealBroken(key_id) from None


def _opened(key: SealingKey, sealed: bytes, context: bytes) -> bytes:
    head = len(VERSION) + NONCE_BYTES
    parameters = GCMParams(sealed[len(VERSION) : head], context, 8 * TAG_BYTES)
    return _whole(key.opens.decrypt(sealed[head:], mechanism=Mechanism.AES_GCM, mechanism_param=parameters))


def _whole(said: bytes | Iterator[bytes]) -> bytes:
    """Return the library's answer as bytes; its type also allows an iterator of pieces."""
    return said if isinstance(said, bytes) else b"".join(said)

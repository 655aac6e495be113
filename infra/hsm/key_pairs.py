"""Makes signing keys in a token and checks a key's attributes before it signs.

A key pair is SENSITIVE, neither EXTRACTABLE nor MODIFIABLE; an id names one pair for ever; a key that could have been copied
or is not on secp256k1 is refused. Source: PKCS#11 3.0. Leaves out the session's lock and the content to sign
(`infra.hsm.token`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, PrivateKey, PublicKey, Session
from pkcs11.types import SignMixin
from pkcs11.util.ec import encode_named_curve_parameters

from infra.ethereum.recovery import POINT_BYTES, RecoverableSignature, normalise
from infra.hsm.errors import KeyIdInvalid, KeyUnfit, KeyUnknown, SignatureInvalid

CURVE: Final = "secp256k1"
KEY_ID_BYTES_MAX: Final = 64
# DER: an OCTET STRING of 65 bytes, which PKCS#11 3.0 (6.3.3) puts around the point.
POINT_PREFIX: Final = b"\x04\x41"

# The attributes that a key must have before it is used. Only the token sets LOCAL, ALWAYS_ and NEVER_, so an imported
# key, or one whose protection was added later, cannot claim them.
PROTECTION: Final = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.NEVER_EXTRACTABLE: True,
    Attribute.LOCAL: True,
}
PROTECTED: Final = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.MODIFIABLE: False,
}
"""The attributes of every new secret key."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key's handle, and its public half: 0x04, x, y."""

    private: SignMixin
    point: bytes


def key_name(key_id: str) -> bytes:
    """Return the token's name of a key. Raises KeyIdInvalid."""
    if not (0 < len(key_id) <= KEY_ID_BYTES_MAX and key_id.isascii() and key_id.isprintable()):
        raise KeyIdInvalid(key_id, KEY_ID_BYTES_MAX)
    return key_id.encode("ascii")


def generate(session: Session, key_id: str) -> None:
    """Make a pair in the token; the caller checks that the token kept it."""
    parameters = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(CURVE)}, local=True
    )
    parameters.generate_keypair(
        id=key_name(key_id),
        label=key_id,
        store=True,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template=PROTECTED,
        public_template={Attribute.PRIVATE: False, Attribute.MODIFIABLE: False},
    )


def ids(session: Session) -> tuple[str, ...]:
    """Return the ids of all private keys, sorted."""
    found = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    return tuple(sorted(key[Attribute.ID].decode("ascii", "replace") for key in found))


def find(session: Session, key_id: str) -> KeyPair:
    """Return the pair. Raises KeyIdInvalid, KeyUnknown or KeyUnfit."""
    found = list(session.get_objects({Attribute.ID: key_name(key_id)}))
    private = [key for key in found if isinstance(key, PrivateKey)]
    public = [key for key in found if isinstance(key, PublicKey)]
    if not private:
        raise KeyUnknown(key_id)
    if len(private) != 1 or len(public) != 1:
        raise KeyUnfit(key_id, f"has {len(private)} private and {len(public)} public halves")
    signer = private[0]
    for attribute, wanted in PROTECTION.items():
        if signer[attribute] is not wanted:
            raise KeyUnfit(key_id, f"is not {attribute.name} = {wanted}")
    if not isinstance(signer, SignMixin):
        raise KeyUnfit(key_id, "may not sign")
    return KeyPair(signer, point_of(key_id, public[0]))


def point_of(key_id: str, public: PublicKey) -> bytes:
    """Return the uncompressed point. Raises KeyUnfit when it is not on secp256k1."""
    if bytes(public[Attribute.EC_PARAMS]) != encode_named_curve_parameters(CURVE):
        raise KeyUnfit(key_id, f"is not on {CURVE}")
    encoded = bytes(public[Attribute.EC_POINT])
    point = encoded.removeprefix(POINT_PREFIX)
    if len(point) != POINT_BYTES or len(encoded) != POINT_BYTES + len(POINT_PREFIX):
        raise KeyUnfit(key_id, "has a public half that is not an uncompressed point")
    return point


def sign(pair: KeyPair, digest: bytes) -> bytes:
    """Return r and s as the token gives them."""
    return bytes(pair.private.sign(digest, mechanism=Mechanism.ECDSA))


def checked(key_id: str, raw: bytes, digest: bytes, point: bytes) -> RecoverableSignature:
    """Return the signature in Ethereum's form. Raises SignatureInvalid when the key did not make it."""
    signature = normalise(raw, digest, point)
    if signature is None:
        raise SignatureInvalid(key_id)
    return signature

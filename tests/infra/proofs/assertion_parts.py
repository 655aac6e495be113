"""Takes assertions apart and rebuilds them, so that a test can break one part and sign the rest properly."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fido2 import cbor

from infra.proofs import base64url, cose
from infra.proofs.webauthn import Assertion, VerifiedAssertion, verify_assertion

RP_ID: Final = "desk.example"
ORIGIN: Final = "https://desk.example"
CHALLENGE: Final = hashlib.sha256(b"order o1").digest()
CREDENTIAL_ID: Final = bytes(range(32))
UP: Final = 0x01
UV: Final = 0x04

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def p256_key(secret: int = 0x1234567) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(secret, ec.SECP256R1())


def cose_of(key: SigningKey) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return cose.encode_es256(key.public_key())
    return cbor.encode({1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes_raw()})


@dataclass(frozen=True)
class Parts:
    """An assertion before it is signed; `sealed` signs whatever it has become."""

    client: Mapping[str, object] = field(
        default_factory=lambda: {
            "type": "webauthn.get",
            "challenge": base64url.encode(CHALLENGE),
            "origin": ORIGIN,
            "crossOrigin": False,
        }
    )
    rp_id: str = RP_ID
    flags: int = UP | UV
    counter: int = 1
    trailing: bytes = b""
    client_bytes: bytes | None = None

    def with_client(self, **members: object) -> Self:
        return replace(self, client={**self.client, **members})

    def authenticator_bytes(self) -> bytes:
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return rp_id_hash + bytes([self.flags]) + self.counter.to_bytes(4, "big") + self.trailing

    def sealed(self, key: SigningKey | None = None) -> Assertion:
        client_bytes = json.dumps(self.client).encode() if self.client_bytes is None else self.client_bytes
        return seal(client_bytes, self.authenticator_bytes(), key or p256_key())


def seal(client_bytes: bytes, authenticator_bytes: bytes, key: SigningKey) -> Assertion:
    message = authenticator_bytes + hashlib.sha256(client_bytes).digest()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(message, ec.ECDSA(hashes.SHA256()))
    else:
        signature = key.sign(message)
    return Assertion(
        credential_id=base64url.encode(CREDENTIAL_ID),
        authenticator_data=base64url.encode(authenticator_bytes),
        client_data_json=base64url.encode(client_bytes),
        signature=base64url.encode(signature),
    )


def verify(assertion: Assertion, key: bytes | None = None, previous_counter: int | None = None) -> VerifiedAssertion:
    return verify_assertion(
        assertion,
        credential_public_key=cose_of(p256_key()) if key is None else key,
        expected_challenge=CHALLENGE,
        rp_id=RP_ID,
        origins=[ORIGIN, "https://desk-two.example"],
        previous_counter=previous_counter,
    )

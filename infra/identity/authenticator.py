"""A FIDO2 authenticator in software, for development, the demo and the command line.

Makes the same bytes as a hardware key and a browser together (Web Authentication Level 3, sections 6.3.2 and 6.3.3, ES256,
attestation "none"), so that all code behind it verifies real bytes. Credential and signature counter are one JSON file of
mode 0600; the counter reaches the disk before an assertion leaves.
Leaves out a hardware key's protection: the private key is in the file, and any reader of the file can sign as the user.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.identity.private_file import PrivateFileRefused, create_private, read_private, write_private
from infra.proofs import base64url, cose
from infra.proofs.webauthn import (
    ASSERTION_TYPE,
    FLAG_ATTESTED_CREDENTIAL,
    FLAG_USER_PRESENT,
    FLAG_USER_VERIFIED,
    Assertion,
)

REGISTRATION_TYPE: Final = "webauthn.create"
AAGUID: Final = bytes(16)
CREDENTIAL_ID_BYTES: Final = 32
COUNTER_MAX: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Registration:
    """A new credential, and the bytes that a relying party verifies before it keeps it. Texts are base64url."""

    credential_id: str
    public_key: bytes
    client_data_json: str
    attestation_object: str


class _Credential(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    credential_id: str
    rp_id: str
    origin: str
    user: str
    private_key: str
    counter: int = Field(ge=0, lt=COUNTER_MAX)

    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(base64url.decode(self.private_key), "big"), ec.SECP256R1())

    def sign(self, authenticator_data: bytes, client_data: bytes) -> bytes:
        message = authenticator_data + hashlib.sha256(client_data).digest()
        return self.signing_key().sign(message, ec.ECDSA(hashes.SHA256()))


class SoftwareAuthenticator:
    """One credential in one file. Safe to use from several processes at once."""

    def __init__(self, path: Path) -> None:
        """Open the credential in `path`. Raises PrivateFileRefused when it is not private, or not a credential."""
        self._path = path
        self._identity = _read(path)

    @classmethod
    def create(cls, path: Path, *, rp_id: str, origin: str, user: str) -> Self:
        """Make a credential for `user` at `rp_id`, keep it in the new file `path`, return its authenticator."""
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_numbers().private_value.to_bytes(cose.COORDINATE_BYTES, "big")
        credential = _Credential(
            credential_id=base64url.encode(secrets.token_bytes(CREDENTIAL_ID_BYTES)),
            rp_id=rp_id,
            origin=origin,
            user=user,
            private_key=base64url.encode(secret),
            counter=0,
        )
        create_private(path, _encode(credential))
        return cls(path)

    @property
    def user(self) -> str:
        """Return the credential's user."""
        return self._identity.user

    @property
    def credential_id(self) -> str:
        """Return the credential's id, base64url."""
        return self._identity.credential_id

    @property
    def public_key(self) -> bytes:
        """Return the public key as COSE bytes."""
        return cose.encode_es256(self._identity.signing_key().public_key())

    def register(self, challenge: bytes) -> Registration:
        """Answer a relying party's registration `challenge`."""
        client_data = self._client_data(REGISTRATION_TYPE, challenge)
        credential_id = base64url.decode(self.credential_id)
        attested = AAGUID + len(credential_id).to_bytes(2, "big") + credential_id + self.public_key
        flags = FLAG_USER_PRESENT | FLAG_USER_VERIFIED | FLAG_ATTESTED_CREDENTIAL
        authenticator_data = self._authenticator_data(flags, counter=0) + attested
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": authenticator_data})
        return Registration(
            credential_id=self.credential_id,
            public_key=self.public_key,
            client_data_json=base64url.encode(client_data),
            attestation_object=base64url.encode(attestation),
        )

    def get(self, challenge: bytes) -> Assertion:
        """Sign `challenge`. The next counter is on disk before this returns, so no counter is used twice."""
        counter = self._next_counter()
        client_data = self._client_data(ASSERTION_TYPE, challenge)
        authenticator_data = self._authenticator_data(FLAG_USER_PRESENT | FLAG_USER_VERIFIED, counter)
        return Assertion(
            credential_id=self.credential_id,
            authenticator_data=base64url.encode(authenticator_data),
            client_data_json=base64url.encode(client_data),
            signature=base64url.encode(self._identity.sign(authenticator_data, client_data)),
        )

    def _next_counter(self) -> int:
        with _alone(self._path.parent):
            credential = _read(self._path)
            if credential.credential_id != self.credential_id:
                raise PrivateFileRefused(self._path, "holds another credential by now", "open it again")
            counter = credential.counter + 1
            write_private(self._path, _encode(credential.model_copy(update={"counter": counter})))
        return counter

    def _client_data(self, kind: str, challenge: bytes) -> bytes:
        members = {
            "type": kind,
            "challenge": base64url.encode(challenge),
            "origin": self._identity.origin,
            "crossOrigin": False,
        }
        return json.dumps(members, separators=(",", ":")).encode()

    def _authenticator_data(self, flags: int, counter: int) -> bytes:
        rp_id_hash = hashlib.sha256(self._identity.rp_id.encode()).digest()
        return rp_id_hash + bytes([flags]) + counter.to_bytes(4, "big")


def _encode(credential: _Credential) -> bytes:
    return credential.model_dump_json(indent=2).encode() + b"\n"


def _read(path: Path) -> _Credential:
    try:
        return _Credential.model_validate_json(read_private(path))
    except ValidationError:
        # The cause stays out of the traceback: it would quote the private key.
        raise PrivateFileRefused(path, "holds no software credential", "create one for this person") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder, not the file: each use replaces the file, and a lock on it would be lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

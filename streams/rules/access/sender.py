"""Verifies a command's sender by their own key. Pure: the signer verifies it again.

A system signs a digest with a registered Ed25519 key (RFC 8032); a person's FIDO2 key asserts it as a WebAuthn challenge
(Level 3, section 7.2). Source: architecture, rules 9 and 10; the verification itself is `infra.identity`.
Left out: the content of the command, and the sender's rights (a desk's entitlement, policy).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from infra.proofs import base64url, ed25519, webauthn
from schemas.commands import Authorization, Ed25519Signature, WebAuthnAssertion
from schemas.events.governance import AccessChanged
from schemas.firm import Settings, SigningKey, WebAuthnCredential
from schemas.values import PrincipalId, Role
from streams.rules.firm.view import Governance
from streams.rules.refusals import base as refusals

COUNTER_AT: Final = 33
"""Offset of the signature counter in authenticator data (WebAuthn Level 3, section 6.1): four bytes, big-endian."""
COUNTER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """A verified assertion of a FIDO2 key, with its new counter."""

    assertion: WebAuthnAssertion
    counter: int


@dataclass(frozen=True, slots=True)
class Given:
    """A person's approval of an order or a proposal: the key that signed it, and the person's roles then."""

    principal: PrincipalId
    credential_id: str
    roles: list[Role]


@dataclass(frozen=True, slots=True)
class Sender:
    """The authenticated sender of a command, with the key that signed it."""

    access: AccessChanged
    key_id: str
    """Id of the Ed25519 key or of the FIDO2 credential."""
    shown: VerifiedAssertion | None = None
    """None if an Ed25519 key signed."""

    @property
    def is_person(self) -> bool:
        """Return True if a person signed with their own FIDO2 key."""
        return self.access.kind == "person" and self.shown is not None


class KeyHolder(Protocol):
    """A registered principal with keys, from governance's events or the read side's tables."""

    @property
    def principal(self) -> PrincipalId:
        """Return the principal's name."""
        ...

    @property
    def signing_keys(self) -> Sequence[SigningKey]:
        """Return a system's Ed25519 keys."""
        ...

    @property
    def credentials(self) -> Sequence[WebAuthnCredential]:
        """Return a person's FIDO2 credentials."""
        ...


@dataclass(frozen=True, slots=True)
class KeyProof:
    """The registered key that signed, and its verified assertion if it is a FIDO2 key."""

    key_id: str
    assertion: VerifiedAssertion | None = None


def registered(principal: PrincipalId, governance: Governance) -> AccessChanged:
    """Return the rights of a principal who has access.

    Raises:
        PrincipalUnknown, PrincipalRevoked: the principal is not registered, or its access was revoked.
    """
    access = governance.principals.get(principal)
    if access is None:
        raise refusals.PrincipalUnknown(principal=principal)
    if access.status != "active":
        raise refusals.PrincipalRevoked(principal=principal)
    return access


def proven(
    access: AccessChanged, given: Authorization, signed: bytes, settings: Settings, counters: Mapping[str, int]
) -> Sender:
    """Return the sender if one of their keys signed the 32 bytes `signed`. `counters`: each credential's last counter.

    Raises:
        KeyUnknown, SignatureWrong, AssertionWrong, CounterNotRisen: no registered key of the sender signed them.
    """
    proof = key_proof(access, given, signed, settings, counters)
    return Sender(access, proof.key_id, proof.assertion)


def key_proof(
    holder: KeyHolder, given: Authorization, signed: bytes, settings: Settings | None, counters: Mapping[str, int]
) -> KeyProof:
    """Return the holder's key that signed the 32 bytes `signed`. A credential that `counters` lacks may show any counter.

    Without `settings`, which name the relying party, no FIDO2 key counts.

    Raises:
        KeyUnknown, SignatureWrong, AssertionWrong, CounterNotRisen: no registered key of the holder signed them.
    """
    if isinstance(given, Ed25519Signature):
        return _by_signature(holder, given, signed)
    return _by_assertion(holder, given, signed, settings, counters)


def counter_shown(assertion: WebAuthnAssertion) -> int:
    """Return the counter of an assertion that was verified before."""
    data = base64url.decode(assertion.authenticator_data)
    return int.from_bytes(data[COUNTER_AT : COUNTER_AT + COUNTER_BYTES], "big")


def _by_signature(holder: KeyHolder, given: Ed25519Signature, signed: bytes) -> KeyProof:
    key = next((key for key in holder.signing_keys if key.key_id == given.key_id), None)
    if key is None:
        raise refusals.KeyUnknown(principal=holder.principal, key_id=given.key_id)
    try:
        ed25519.verify(bytes.fromhex(key.public_key[2:]), signed, base64url.decode(given.signature))
    except (ed25519.Ed25519Refused, ValueError) as error:
        raise refusals.SignatureWrong(key_id=given.key_id, reason=error) from error
    return KeyProof(given.key_id)


def _by_assertion(
    holder: KeyHolder, given: WebAuthnAssertion, challenge: bytes, settings: Settings | None, counters: Mapping[str, int]
) -> KeyProof:
    credential = next((each for each in holder.credentials if each.credential_id == given.credential_id), None)
    if credential is None or settings is None:
        raise refusals.KeyUnknown(principal=holder.principal, key_id=given.credential_id)
    assertion = webauthn.Assertion(given.credential_id, given.authenticator_data, given.client_data_json, given.signature)
    try:
        verified = webauthn.verify_assertion(
            assertion,
            credential_public_key=bytes.fromhex(credential.public_key[2:]),
            expected_challenge=challenge,
            rp_id=settings.webauthn_rp_id,
            origins=settings.webauthn_origins,
            previous_counter=counters.get(given.credential_id),
        )
    except webauthn.CounterRefused as error:
        raise refusals.CounterNotRisen(reason=error.reason) from error
    except webauthn.AssertionRefused as error:
        raise refusals.AssertionWrong(rule=error.check, reason=error.reason) from error
    return KeyProof(given.credential_id, VerifiedAssertion(given, verified.counter))

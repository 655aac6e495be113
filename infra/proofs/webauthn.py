"""WebAuthn assertions, verified from their bytes alone: today, and again in ten years. Pure.

Decides whether an assertion proves that the holder of one credential was present, was verified by their authenticator,
and agreed to exactly one challenge. The rules are those of "Verifying an Authentication Assertion", Web Authentication
Level 3, section 7.2; where the standard leaves a choice, the strict one is taken: user verification is required,
cross-origin use is refused, the counter must advance.

The caller finds the credential by `assertion.credential_id`, knows the counter that it last showed, and
made the challenge: this module does not know the challenge's content.
Leaves out registration, attestation, extensions' meaning, backup state, and low-s: an ES256 signature has a second form
with the same meaning, so an assertion is known by its challenge and counter, never by its signature's bytes.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from struct import error as struct_error
from typing import ClassVar, Final

from fido2 import cbor

from infra.proofs import base64url, cose

ASSERTION_TYPE: Final = "webauthn.get"
FLAG_USER_PRESENT: Final = 0x01
FLAG_USER_VERIFIED: Final = 0x04
FLAG_BACKUP_ELIGIBLE: Final = 0x08
FLAG_BACKED_UP: Final = 0x10
FLAG_ATTESTED_CREDENTIAL: Final = 0x40
FLAG_EXTENSIONS: Final = 0x80
FLAGS_RESERVED: Final = 0x22
RP_ID_HASH_BYTES: Final = 32
AUTHENTICATOR_DATA_BYTES_MIN: Final = 37
AUTHENTICATOR_DATA_BYTES_MAX: Final = 4_096
CLIENT_DATA_BYTES_MAX: Final = 4_096
SIGNATURE_BYTES_MAX: Final = 128
CREDENTIAL_ID_BYTES_MAX: Final = 1_023


class AssertionRefused(Exception):
    """The assertion proves nothing; `check` names the rule that it broke."""

    check: ClassVar[str] = "assertion"

    def __init__(self, reason: str) -> None:
        """Say what was found, in words that may be shown to the person."""
        super().__init__(f"{self.check}: {reason}")
        self.reason = reason


class EncodingRefused(AssertionRefused):
    """A field is not strict base64url, or longer than any authenticator makes it."""

    check = "encoding"


class ClientDataRefused(AssertionRefused):
    """The client data is not a JSON object of the standard's form."""

    check = "client-data"


class TypeRefused(AssertionRefused):
    """It was made for something else than an assertion."""

    check = "type"


class ChallengeRefused(AssertionRefused):
    """It agrees to something else than what was asked."""

    check = "challenge"


class OriginRefused(AssertionRefused):
    """It was made on a page that is not ours."""

    check = "origin"


class CrossOriginRefused(AssertionRefused):
    """The assertion was made in a frame inside another site's page."""

    check = "cross-origin"


class AuthenticatorDataRefused(AssertionRefused):
    """The authenticator data is not of the standard's form (section 6.1)."""

    check = "authenticator-data"


class RelyingPartyRefused(AssertionRefused):
    """It was made for another relying party."""

    check = "relying-party"


class UserPresenceRefused(AssertionRefused):
    """The user did not touch the authenticator."""

    check = "user-present"


class UserVerificationRefused(AssertionRefused):
    """The authenticator did not ask who touched it."""

    check = "user-verified"


class CredentialKeyRefused(AssertionRefused):
    """The credential's public key is not one that an approval may rest on."""

    check = "credential-key"


class SignatureRefused(AssertionRefused):
    """The credential did not make it."""

    check = "signature"


class CounterRefused(AssertionRefused):
    """The counter did not advance: a replay, or a copied authenticator."""

    check = "counter"


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion as the browser returned it, every field in base64url without padding."""

    credential_id: str
    authenticator_data: str
    client_data_json: str
    signature: str


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """The content of a verified assertion."""

    credential_id: bytes
    counter: int
    origin: str
    backed_up: bool


@dataclass(frozen=True, slots=True)
class _AuthenticatorData:
    rp_id_hash: bytes
    flags: int
    counter: int


def verify_assertion(  # noqa: PLR0913 - each is one thing the standard compares, all by name
    assertion: Assertion,
    *,
    credential_public_key: bytes,
    expected_challenge: bytes,
    rp_id: str,
    origins: Collection[str],
    previous_counter: int | None,
) -> VerifiedAssertion:
    """Verify `assertion` and return its content; raise the AssertionRefused of the first rule that it breaks.

    `credential_public_key` is the COSE key registered for `assertion.credential_id`. `origins` are compared exactly.
    `previous_counter` is the last counter this credential showed, None when it has shown none yet.
    """
    credential_id = _bytes("credential_id", assertion.credential_id, CREDENTIAL_ID_BYTES_MAX)
    client_bytes = _bytes("client_data_json", assertion.client_data_json, CLIENT_DATA_BYTES_MAX)
    authenticator_bytes = _bytes("authenticator_data", assertion.authenticator_data, AUTHENTICATOR_DATA_BYTES_MAX)
    signature = _bytes("signature", assertion.signature, SIGNATURE_BYTES_MAX)

    client = _client_data(client_bytes)
    _check_type(client)
    _check_challenge(client, expected_challenge)
    origin = _check_origin(client, origins)
    authenticator = _authenticator_data(authenticator_bytes)
    _check_relying_party(authenticator, rp_id)
    _check_user(authenticator)
    _check_signature(credential_public_key, authenticator_bytes + hashlib.sha256(client_bytes).digest(), signature)
    _check_counter(authenticator, previous_counter)
    return VerifiedAssertion(
        credential_id=credential_id,
        counter=authenticator.counter,
        origin=origin,
        backed_up=bool(authenticator.flags & FLAG_BACKED_UP),
    )


def _bytes(field: str, text: str, bytes_max: int) -> bytes:
    if len(text) > bytes_max * 4 // 3 + 1:
        raise EncodingRefused(f"{field} is over {bytes_max} bytes")
    try:
        content = base64url.decode(text)
    except ValueError as failure:
        raise EncodingRefused(f"{field} is {failure}") from None
    if not content:
        raise EncodingRefused(f"{field} is empty")
    return content


def _client_data(content: bytes) -> Mapping[str, object]:
    try:
        client = json.loads(content.decode("utf-8"), object_pairs_hook=_no_repetition)
    except (ValueError, RecursionError):
        raise ClientDataRefused("it is not JSON in UTF-8 with each name once") from None
    if not isinstance(client, dict):
        raise ClientDataRefused("it is not a JSON object")
    return client


def _no_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "a name is repeated"
        raise ValueError(message)
    return members


def _check_type(client: Mapping[str, object]) -> None:
    if client.get("type") != ASSERTION_TYPE:
        raise TypeRefused(f"{client.get('type')!r} is not {ASSERTION_TYPE!r}")


def _check_challenge(client: Mapping[str, object], expected: bytes) -> None:
    shown = client.get("challenge")
    if not isinstance(shown, str):
        raise ChallengeRefused("there is none")
    if not hmac.compare_digest(shown.encode(), base64url.encode(expected).encode()):
        raise ChallengeRefused("it is not the one for what is to be approved")


def _check_origin(client: Mapping[str, object], origins: Collection[str]) -> str:
    origin = client.get("origin")
    if not isinstance(origin, str) or origin not in tuple(origins):
        raise OriginRefused(f"{origin!r} is not one of ours")
    if client.get("crossOrigin", False) is not False:
        raise CrossOriginRefused("it was made in a frame of another origin")
    if "topOrigin" in client:
        raise CrossOriginRefused(f"it was made inside {client['topOrigin']!r}")
    return origin


def _authenticator_data(content: bytes) -> _AuthenticatorData:
    if len(content) < AUTHENTICATOR_DATA_BYTES_MIN:
        raise AuthenticatorDataRefused(f"{len(content)} bytes, at least {AUTHENTICATOR_DATA_BYTES_MIN} are needed")
    flags = content[RP_ID_HASH_BYTES]
    if flags & FLAGS_RESERVED:
        raise AuthenticatorDataRefused("a reserved flag is set")
    if flags & FLAG_ATTESTED_CREDENTIAL:
        raise AuthenticatorDataRefused("it carries a new credential, which belongs to a registration")
    if flags & FLAG_BACKED_UP and not flags & FLAG_BACKUP_ELIGIBLE:
        raise AuthenticatorDataRefused("it is backed up without being eligible for it")
    _check_extensions(flags, content[AUTHENTICATOR_DATA_BYTES_MIN:])
    counter = int.from_bytes(content[RP_ID_HASH_BYTES + 1 : AUTHENTICATOR_DATA_BYTES_MIN], "big")
    return _AuthenticatorData(content[:RP_ID_HASH_BYTES], flags, counter)


def _check_extensions(flags: int, rest: bytes) -> None:
    if not flags & FLAG_EXTENSIONS:
        if rest:
            raise AuthenticatorDataRefused("bytes follow that no flag announces")
        return
    try:
        extensions = cbor.decode(rest)
    # The decoder indexes and unpacks without looking, so what it raises on bad bytes is not one type.
    except (ValueError, LookupError, TypeError, RecursionError, struct_error):
        raise AuthenticatorDataRefused("the extensions are not CBOR") from None
    if not isinstance(extensions, Mapping):
        raise AuthenticatorDataRefused("the extensions are not a map")


def _check_relying_party(authenticator: _AuthenticatorData, rp_id: str) -> None:
    if not hmac.compare_digest(authenticator.rp_id_hash, hashlib.sha256(rp_id.encode()).digest()):
        raise RelyingPartyRefused(f"it was not made for {rp_id!r}")


def _check_user(authenticator: _AuthenticatorData) -> None:
    if not authenticator.flags & FLAG_USER_PRESENT:
        raise UserPresenceRefused("nobody touched the authenticator")
    if not authenticator.flags & FLAG_USER_VERIFIED:
        raise UserVerificationRefused("the authenticator did not verify who touched it (PIN or biometric)")


def _check_signature(cose_key: bytes, message: bytes, signature: bytes) -> None:
    try:
        genuine = cose.verify(cose_key, message, signature)
    except cose.CoseKeyInvalid as failure:
        raise CredentialKeyRefused(str(failure)) from failure
    if not genuine:
        raise SignatureRefused("it was not made by this credential over these bytes")


def _check_counter(authenticator: _AuthenticatorData, previous: int | None) -> None:
    # An authenticator without a counter shows zero always; one that has shown more cannot fall back to that.
    if previous is None or authenticator.counter == previous == 0:
        return
    if authenticator.counter <= previous:
        raise CounterRefused(f"{authenticator.counter} does not follow {previous}")

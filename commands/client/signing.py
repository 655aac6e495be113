"""Signs commands with a system's Ed25519 key or a person's FIDO2 key. Both give the proof that the log keeps.

What is signed says `commands.signed_content`: an approval is signed by its own hash, which the command quotes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from commands.signed_content import challenge
from infra.identity import keyfile
from infra.identity.authenticator import SoftwareAuthenticator
from infra.proofs import base64url, ed25519
from schemas.commands import Authorization, Body, Command, Ed25519Signature, WebAuthnAssertion
from schemas.firm_commands import FirmBody, FirmCommand
from schemas.values import CommandId, DeskId, Instant, PrincipalId

_UNSIGNED: Final = Ed25519Signature(key_id="", signature="")


class Signer(Protocol):
    """Signs 32 bytes for a principal."""

    def authorize(self, digest: bytes) -> Authorization:
        """Sign `digest`; return the signature or assertion."""
        ...


class Ed25519KeyFile:
    """A system's key in a PEM file, mode 0600."""

    def __init__(self, path: Path, key_id: str) -> None:
        """Open the key that is registered as `key_id`. Raises PrivateFileRefused."""
        self._key = keyfile.load(path)
        self._key_id = key_id

    def authorize(self, digest: bytes) -> Ed25519Signature:
        """The key's signature."""
        signature = ed25519.sign(self._key, digest)
        return Ed25519Signature(key_id=self._key_id, signature=base64url.encode(signature))


class AuthenticatorFile:
    """A person's software authenticator, for development: it signs without asking anybody."""

    def __init__(self, path: Path) -> None:
        """Open the credential in `path`. Raises PrivateFileRefused."""
        self._authenticator = SoftwareAuthenticator(path)

    @property
    def user(self) -> str:
        """Return the user that the credential belongs to."""
        return self._authenticator.user

    def authorize(self, digest: bytes) -> WebAuthnAssertion:
        """The authenticator's assertion over `digest` as the challenge."""
        given = self._authenticator.get(digest)
        return WebAuthnAssertion(
            credential_id=given.credential_id,
            authenticator_data=given.authenticator_data,
            client_data_json=given.client_data_json,
            signature=given.signature,
        )


def signed(  # noqa: PLR0913 - every part of a command, by name
    signer: Signer, *, command_id: CommandId, desk_id: DeskId, principal: PrincipalId, issued_at: Instant, body: Body
) -> Command:
    """The command of these parts, signed by `signer`. Raises pydantic.ValidationError."""
    unsigned = Command(
        command_id=command_id,
        desk_id=desk_id,
        principal=principal,
        issued_at=issued_at,
        body=body,
        authorization=_UNSIGNED,
    )
    return unsigned.model_copy(update={"authorization": signer.authorize(challenge(unsigned))})


def signed_for_firm(
    signer: Signer, *, command_id: CommandId, principal: PrincipalId, issued_at: Instant, body: FirmBody
) -> FirmCommand:
    """As `signed`, of a command to governance."""
    unsigned = FirmCommand(command_id=command_id, principal=principal, issued_at=issued_at, body=body, authorization=_UNSIGNED)
    return unsigned.model_copy(update={"authorization": signer.authorize(challenge(unsigned))})

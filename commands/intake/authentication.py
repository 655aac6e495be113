"""Checks that a command comes from the sender it names, and that the sender may act on its desk. Pure.

The door asks this so that strangers cannot fill the log; the desk, governance and the signer ask it again, from the log, and
trust nothing of what was found here. Names of checks are the desk's own. Left out, since only they know: whether a FIDO2 key's
counter has risen, whether the id is spent, and what the sender's role allows.
"""

from __future__ import annotations

from commands.intake.principals import Access
from commands.intake.refusals import Refused
from commands.signed_content import challenge, content_digest
from infra.proofs import base64url, ed25519, webauthn
from schemas.commands import Command, Ed25519Signature, GiveApproval, WebAuthnAssertion
from schemas.firm_commands import ApproveProposal, FirmCommand


def authenticate(command: Command | FirmCommand, access: Access | None) -> None:
    """Return when `command` was signed by whom it names and they may act on its desk, if it is to one.

    Raises:
        Refused: 401, nobody known signed it; 403, they may not.
    """
    if access is None:
        raise Refused(
            401,
            "principal-unknown",
            f"there is no principal {command.principal}",
            "name a registered person or system in Proofdesk-Principal, or have governance register this one",
        )
    match command.authorization:
        case Ed25519Signature() as given:
            _check_signature(command, access, given)
        case WebAuthnAssertion() as given:
            _check_assertion(command, access, given)
    # Only who has proven to be the principal is told what the principal may do.
    if access.status != "active":
        raise Refused(
            403,
            "principal-revoked",
            f"the access of {command.principal} was revoked",
            "let somebody act who has access, or have governance restore it",
        )
    if isinstance(command, Command) and command.desk_id not in access.desks:
        raise Refused(
            403,
            "desk-not-entitled",
            f"{command.principal} may not act on desk {command.desk_id}",
            "ask somebody of the desk to act, or have governance grant the right",
        )


def _check_signature(command: Command | FirmCommand, access: Access, given: Ed25519Signature) -> None:
    key = next((key for key in access.signing_keys if key.key_id == given.key_id), None)
    if key is None:
        raise _key_unknown(command, given.key_id)
    try:
        ed25519.verify(bytes.fromhex(key.public_key[2:]), content_digest(command), base64url.decode(given.signature))
    except (ed25519.Ed25519Refused, ValueError) as error:
        raise Refused(
            401,
            "signature-wrong",
            f"the signature by key {given.key_id} does not hold: {error}",
            "sign the command digest of exactly the content that is sent, with its principal, id and time of issue",
        ) from None
    if isinstance(command.body, GiveApproval | ApproveProposal):
        raise Refused(
            403,
            "person-needed",
            f"{command.principal} did not use a FIDO2 key: only a person decides about an approval",
            "let a person confirm with their own FIDO2 key",
        )


def _check_assertion(command: Command | FirmCommand, access: Access, given: WebAuthnAssertion) -> None:
    credential = next((each for each in access.credentials if each.credential_id == given.credential_id), None)
    if credential is None or access.settings is None:
        raise _key_unknown(command, given.credential_id)
    try:
        webauthn.verify_assertion(
            webauthn.Assertion(given.credential_id, given.authenticator_data, given.client_data_json, given.signature),
            credential_public_key=bytes.fromhex(credential.public_key[2:]),
            expected_challenge=challenge(command),
            rp_id=access.settings.webauthn_rp_id,
            origins=access.settings.webauthn_origins,
            previous_counter=None,
        )
    except webauthn.AssertionRefused as error:
        raise Refused(
            401,
            "assertion-wrong",
            f"the assertion does not hold, its {error.check} is wrong: {error.reason}",
            "confirm with the registered key, on our own page, exactly what is sent",
        ) from None


def _key_unknown(command: Command | FirmCommand, key_id: str) -> Refused:
    return Refused(
        401,
        "key-unknown",
        f"{command.principal} has no registered key {key_id[:100]}",
        "sign with a registered key, or have governance register this one",
    )

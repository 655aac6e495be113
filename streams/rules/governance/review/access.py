"""Checks the rights of all people and systems together: each named once, with usable keys, on real desks.

For genesis and for every change after it. Pure. Leaves out whether the policy's quorums can be met by them
(`streams.rules.policy.review`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import Final

from infra.proofs import cose, ed25519
from schemas.events.governance import AccessChanged
from schemas.firm import Access
from schemas.values import DeskId

Rights = Access | AccessChanged
"""The same, whether proposed or in force."""

_NO_SIGNATURE: Final = bytes(ed25519.SIGNATURE_BYTES)


def problems(everybody: Sequence[Rights], desks: Collection[DeskId]) -> Iterator[str]:
    """Yield everything that speaks against these rights, a sentence each."""
    yield from _repetitions(everybody)
    for access in everybody:
        if access.status == "active":
            yield from _keys(access)
            yield from (f"principal {access.principal}: there is no desk {desk}" for desk in access.desks if desk not in desks)


def repeated(what: str, names: Iterable[Hashable]) -> Iterator[str]:
    """Yield a sentence for each name that is there more than once."""
    for name, times in Counter(names).items():
        if times > 1:
            shown = " on chain ".join(str(part) for part in reversed(name)) if isinstance(name, tuple) else name
            yield f"{what} {shown}: listed {times} times"


def _repetitions(everybody: Sequence[Rights]) -> Iterator[str]:
    """Yield repeated names and keys. A key that was taken from a principal stays theirs: no other principal ever gets it."""
    credentials = [credential for access in everybody for credential in access.credentials]
    keys = [key for access in everybody for key in access.signing_keys]
    yield from repeated("principal", [access.principal for access in everybody])
    yield from repeated("credential", [credential.credential_id for credential in credentials])
    yield from repeated("credential's public key", [credential.public_key for credential in credentials])
    yield from repeated("signing key", [key.key_id for key in keys])
    yield from repeated("system's public key", [key.public_key for key in keys])


def _keys(access: Rights) -> Iterator[str]:
    if access.kind == "person":
        yield from _of_person(access)
    else:
        yield from _of_system(access)


def _of_person(person: Rights) -> Iterator[str]:
    if not person.credentials:
        yield f"person {person.principal}: has no credential, so could sign nothing"
    if person.signing_keys:
        yield f"person {person.principal}: signs with a FIDO2 key only, not with {person.signing_keys[0].key_id}"
    for credential in person.credentials:
        try:
            cose.verify(_bytes(credential.public_key), b"", b"")
        except cose.CoseKeyInvalid as error:
            yield f"person {person.principal}: credential {credential.credential_id}: {error}"


def _of_system(system: Rights) -> Iterator[str]:
    if not system.signing_keys:
        yield f"system {system.principal}: has no signing key, so could sign nothing"
    if system.credentials:
        yield f"system {system.principal}: signs with an Ed25519 key only, not with {system.credentials[0].credential_id}"
    for key in system.signing_keys:
        try:
            ed25519.verify(_bytes(key.public_key), b"", _NO_SIGNATURE)
        except ed25519.PublicKeyRefused as error:
            yield f"system {system.principal}: signing key {key.key_id}: {error}"
        except ed25519.SignatureRefused:
            pass  # expected: the key was checked before, and is one that can refuse


def _bytes(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.removeprefix("0x"))

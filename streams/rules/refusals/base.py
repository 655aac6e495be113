"""Defines the refusals of every command's receiver: the base class, and those about a command itself and its sender.

Each refusal names its check, its finding, and the action that would change the outcome (architecture, rule 14). The names
of checks are stable over versions: people and programs act on them.
"""

from __future__ import annotations

from typing import ClassVar

from schemas.events.base import Refusal
from schemas.values import TEXT_CHARACTERS_MAX


class Refused(Exception):
    """A check refused. `found` are the facts that fill its message."""

    check: ClassVar[str]
    says: ClassVar[str]
    remedy: ClassVar[str]

    def __init__(self, **found: object) -> None:
        self.found = found
        super().__init__(self.says.format(**found))

    def record(self) -> Refusal:
        """Return the refusal as an event records it."""
        return Refusal(
            check=self.check,
            message=str(self)[:TEXT_CHARACTERS_MAX],
            remedy=self.remedy.format(**self.found)[:TEXT_CHARACTERS_MAX],
        )


# The command itself ---------------------------------------------------------------------------------------------


class CommandMalformed(Refused):
    """The record has the right schema, but values that no command may have."""

    check = "command-malformed"
    says = "the command's fields are wrong: {reason}"
    remedy = "correct the fields that are named, and send the command again under a new id"


class CommandStale(Refused):
    """The command is older than the memory of ids: it may have been carried out already."""

    check = "command-stale"
    says = "the command was issued {age_seconds} s ago, and may be at most {age_seconds_max} s old"
    remedy = "check whether it was carried out; if not, issue it anew"


class CommandFromFuture(Refused):
    """The command's time is further ahead than clocks drift."""

    check = "command-from-future"
    says = "the command was issued {ahead_seconds} s in the future, and may be at most {ahead_seconds_max} s ahead"
    remedy = "set the sender's clock, then issue the command anew"


class IdempotencyConflict(Refused):
    """The command's id was used before for another content."""

    check = "idempotency-conflict"
    says = "the id {command_id} was already used for a command with another content"
    remedy = "look up what the first command led to; to ask for something else, use a new id"


# The sender -----------------------------------------------------------------------------------------------------


class PrincipalUnknown(Refused):
    """Governance has registered no principal of this name."""

    check = "principal-unknown"
    says = "there is no principal {principal}"
    remedy = "have governance register the person or system"


class PrincipalRevoked(Refused):
    """The principal's access was revoked."""

    check = "principal-revoked"
    says = "the access of {principal} was revoked"
    remedy = "let somebody act who has access, or have governance restore it"


class KeyUnknown(Refused):
    """The principal has no registered key of this id."""

    check = "key-unknown"
    says = "{principal} has no registered key {key_id}"
    remedy = "sign with a registered key, or have governance register this one"


class SignatureWrong(Refused):
    """The signature is not by this key over this command."""

    check = "signature-wrong"
    says = "the signature by key {key_id} does not hold: {reason}"
    remedy = "sign the command digest of exactly the content that is sent"


class AssertionWrong(Refused):
    """The FIDO2 key's assertion is of another content, or breaks a rule of WebAuthn."""

    check = "assertion-wrong"
    says = "the assertion does not hold, its {rule} is wrong: {reason}"
    remedy = "confirm with the registered key, on our own page, exactly what is sent"


class CounterNotRisen(Refused):
    """The FIDO2 key's counter has not risen: the assertion is a replay, or the key was copied."""

    check = "counter-not-risen"
    says = "the key's counter does not rise: {reason}"
    remedy = "confirm again; if it happens twice, have the key revoked, since it may have been copied"


class PersonNeeded(Refused):
    """A system, or a person without a FIDO2 key, sent a command that only a person may give."""

    check = "person-needed"
    says = "{principal} is a system or did not use a FIDO2 key: only a person decides about an approval"
    remedy = "let a person confirm with their own FIDO2 key"

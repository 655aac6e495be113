"""Defines the refusals of every command's receiver: the base class, and those about a command itself and its sender.

Each refusal says which check refused, what was found, and what would change the outcome (architecture, rule 14). The names
of checks are stable over versions: people and programs act on them.
"""

from __future__ import annotations

from typing import ClassVar

from schemas.events.base import Refusal
from schemas.values import TEXT_CHARACTERS_MAX


class Refused(Exception):
    """A check refused. `found` are the facts that its words are filled with."""

    check: ClassVar[str]
    says: ClassVar[str]
    remedy: ClassVar[str]

    def __init__(self, **found: object) -> None:
        self.found = found
        super().__init__(self.says.format(**found))

    def record(self) -> Refusal:
        """The refusal as it stands in an event."""
        return Refusal(
            check=self.check,
            message=str(self)[:TEXT_CHARACTERS_MAX],
            remedy=self.remedy.format(**self.found)[:TEXT_CHARACTERS_MAX],
        )


# The command itself ---------------------------------------------------------------------------------------------


class CommandMalformed(Refused):
    """A record of the right schema, with values that no command may have."""

    check = "command-malformed"
    says = "the command's fields are wrong: {reason}"
    remedy = "correct the fields that are named, and send the command again under a new id"


class CommandStale(Refused):
    """Older than is remembered: nobody could tell whether it was carried out already."""

    check = "command-stale"
    says = "the command was issued {age_seconds} s ago, and may be at most {age_seconds_max} s old"
    remedy = "check whether it was carried out; if not, issue it anew"


class CommandFromFuture(Refused):
    """Its sender's clock is ahead by more than clocks drift."""

    check = "command-from-future"
    says = "the command was issued {ahead_seconds} s in the future, and may be at most {ahead_seconds_max} s ahead"
    remedy = "set the sender's clock, then issue the command anew"


class IdempotencyConflict(Refused):
    """One id, one outcome."""

    check = "idempotency-conflict"
    says = "the id {command_id} was already used for a command with another content"
    remedy = "look up what the first command led to; to ask for something else, use a new id"


# Who asks -------------------------------------------------------------------------------------------------------


class PrincipalUnknown(Refused):
    """Nobody by that name."""

    check = "principal-unknown"
    says = "there is no principal {principal}"
    remedy = "have governance register the person or system"


class PrincipalRevoked(Refused):
    """Had access once."""

    check = "principal-revoked"
    says = "the access of {principal} was revoked"
    remedy = "let somebody act who has access, or have governance restore it"


class KeyUnknown(Refused):
    """The key that signed is not registered for who is named."""

    check = "key-unknown"
    says = "{principal} has no registered key {key_id}"
    remedy = "sign with a registered key, or have governance register this one"


class SignatureWrong(Refused):
    """Not made by that key over this command."""

    check = "signature-wrong"
    says = "the signature by key {key_id} does not hold: {reason}"
    remedy = "sign the command digest of exactly the content that is sent"


class AssertionWrong(Refused):
    """The FIDO2 key did not agree to this, or not in the way that counts."""

    check = "assertion-wrong"
    says = "the assertion does not hold, its {rule} is wrong: {reason}"
    remedy = "confirm with the registered key, on our own page, exactly what is sent"


class CounterNotRisen(Refused):
    """A replay, or a copied key."""

    check = "counter-not-risen"
    says = "the key's counter does not rise: {reason}"
    remedy = "confirm again; if it happens twice, have the key revoked, since it may have been copied"


class PersonNeeded(Refused):
    """A machine cannot take responsibility."""

    check = "person-needed"
    says = "{principal} is a system or did not use a FIDO2 key: only a person decides about an approval"
    remedy = "let a person confirm with their own FIDO2 key"

"""Numbers the changes of the rules, as chains number their forks, so that a log of any age is decided again as it was.

A decision is decided again by governance's readers and by every signer, words included (docs/adr/0009), so a changed rule or
word would make an old log unbelievable. Each such change gets a number here and stays behind it: `rules >= Rules.NAME`, with
the old rule beside the new. A quorum puts a number in force with a policy whose settings name it (`Settings.rules_version`);
the old rule beside the new. A quorum puts a number in force with a policy whose settings name it (`Settings.rules_version`);
decisions on governance before that event follow the old rules. Code that does not know the number in force stops
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Rules(IntEnum):
    """A version of the rules; each holds all changes up to its own."""

    FIRST = 1
    """The rules of the first release."""
    EXPIRY_NAMES_REMEDY = 2
    """A proposal that expires is closed with the settings' time limit in seconds, and with a remedy for its proposer."""


NEWEST: Final = max(Rules)


class RulesUnknown(Exception):
    """The log puts rules in force that this software does not have: the process stops, and a person must upgrade it."""


def known(version: int | None) -> Rules:
    """Return the rules of this number; the first if the settings name none.

    Raises:
        RulesUnknown: this software does not have them.
    """
    if version is None:
        return Rules.FIRST
    if version > NEWEST:
        message = (
            f"governance put rules version {version} in force, and this software knows versions up to {NEWEST}. "
            "Nothing is decided by guess: install a release that knows it, then start again"
        )
        raise RulesUnknown(message)
    return Rules(version)

"""Defines a cosigner's reasons to refuse, by name of the check; the names are stable, and stand in `refused`."""

from __future__ import annotations

from typing import Final

from schemas.events.base import Refusal
from schemas.keys import Cosigner
from schemas.values import TEXT_CHARACTERS_MAX

UNREADY: Final = "unready"
ABORTED: Final = "aborted"
BANNED: Final = "banned"
EPOCH: Final = "epoch"
CLOCK: Final = "clock"
PASSING: Final = frozenset({UNREADY, ABORTED, BANNED, EPOCH, CLOCK})
"""What may be otherwise in another attempt: with others, or once everybody has read of a rotation."""
NOTHING_DONE: Final = "nothing was signed or made; open another session"


class NotTakingPart(Exception):
    """A session that this cosigner stays out of, or leaves."""

    def __init__(self, check: str, reason: str, remedy: str = NOTHING_DONE) -> None:
        """`check` names what refuses; the reason holds nothing secret."""
        super().__init__(reason)
        self.refusal = Refusal(check=check, message=reason[:TEXT_CHARACTERS_MAX], remedy=remedy[:TEXT_CHARACTERS_MAX])


class WithBanned(NotTakingPart):
    """A session with somebody who cheated before."""

    def __init__(self, cosigner: Cosigner) -> None:
        """Name who it is."""
        reason = f"{cosigner.cosigner} cheated before: nothing is run with it again"
        super().__init__(BANNED, reason, "replace that cosigner")
        self.cosigner = cosigner


class NotYet(Exception):
    """What it takes is still on its way; said for a while, then `unready`."""

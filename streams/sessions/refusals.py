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
"""Refusals that another attempt may not meet: with other cosigners, or once all have read of a rotation."""
NOTHING_DONE: Final = "nothing was signed or made; open another session"


class NotTakingPart(Exception):
    """A session that this cosigner stays out of, or leaves."""

    def __init__(self, check: str, reason: str, remedy: str = NOTHING_DONE) -> None:
        """`check` names what refuses; the reason holds nothing secret."""
        super().__init__(reason)
        self.refusal = Refusal(check=check, message=reason[:TEXT_CHARACTERS_MAX], remedy=remedy[:TEXT_CHARACTERS_MAX])


class WithBanned(NotTakingPart):
    """A session with a participant that cheated before."""

    def __init__(self, cosigner: Cosigner) -> None:
        """Name who it is."""
        reason = f"{cosigner.cosigner} cheated before: nothing is run with it again"
        super().__init__(BANNED, reason, "replace that cosigner")
        self.cosigner = cosigner


class NotYet(Exception):
    """Evidence is still on its way; after a while the session is refused as `unready`."""

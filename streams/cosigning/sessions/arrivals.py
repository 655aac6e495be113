"""Holds messages that arrive before their session is known, and refuses sessions that were begun before.

A writer to the topic can fill only its own space, of a bounded size. No session id is ever begun twice, in spite of replays, of
many opened sessions, and of the opener's clock: the oblivious transfers of two runs under one id would reveal their inputs to
the other parties (`infra.keys.threshold`). The record of session ids is lost with the process. So a session dated ahead of our
clock is noted on the disk before it begins, and after a start all sessions dated before the start, or before such a note, are
refused. Leaves out a machine's own clock set back between two starts.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Final

from schemas.sessions import CosignerMessage, SessionOpened
from schemas.values import Instant, Sha256, Slug
from streams.cosigning.sessions.notes import Notes
from streams.sessions.refusals import UNREADY, NotTakingPart

EARLY_SESSIONS_MAX: Final = 64
EARLY_MESSAGES_MAX: Final = 8
"""The messages of one sender in one session: no protocol here has more for one receiver."""
EARLY_CHARACTERS_MAX: Final = 8_000_000
"""The characters of one sender, in all sessions."""
BEGUN_MAX: Final = 10_000


class EarlyMessages:
    """Messages of sessions that are not known yet, or wait. All are of their senders: that is looked at before."""

    def __init__(self) -> None:
        self._kept: defaultdict[Slug, OrderedDict[Sha256, list[CosignerMessage]]] = defaultdict(OrderedDict)

    def keep(self, message: CosignerMessage) -> None:
        """Keep a message; the oldest sessions of the same sender make room for it."""
        mine = self._kept[message.sender]
        kept = mine.setdefault(message.session_id, [])
        if len(kept) < EARLY_MESSAGES_MAX:
            kept.append(message)
        while len(mine) > EARLY_SESSIONS_MAX or _characters(mine) > EARLY_CHARACTERS_MAX:
            mine.popitem(last=False)

    def take(self, session: Sha256) -> list[CosignerMessage]:
        """Return all messages of a session and keep them no longer."""
        return [message for mine in self._kept.values() for message in mine.pop(session, ())]


def _characters(mine: OrderedDict[Sha256, list[CosignerMessage]]) -> int:
    return sum(len(message.payload) for kept in mine.values() for message in kept)


class BegunSessions:
    """Ids that are used up."""

    def __init__(self, notes: Notes, began: Instant) -> None:
        """`began`: when this process did."""
        self._notes = notes
        self._begun: dict[Sha256, Instant] = {}
        self._since = max(began, notes.ahead + 1)

    @property
    def since(self) -> Instant:
        """Sessions dated before this are not taken up: they may have been begun."""
        return self._since

    def begin(self, opened: SessionOpened, now: Instant, oldest: Instant) -> None:
        """Use up the id of a session dated `oldest` or later. Raises NotTakingPart: it is used up, or there is no room."""
        if len(self._begun) >= BEGUN_MAX:
            self._forget(oldest)
        if opened.opened_at < self._since or opened.session_id in self._begun:
            raise NotTakingPart("session", "this session was begun before, or may have been")
        if len(self._begun) >= BEGUN_MAX:
            raise NotTakingPart(UNREADY, f"{BEGUN_MAX} sessions were begun in a short time")
        if opened.opened_at >= now:
            self._notes.note_ahead(opened.opened_at)
        self._begun[opened.session_id] = opened.opened_at

    def _forget(self, oldest: Instant) -> None:
        """Sessions that are too old to be taken up again, and would stay so with a clock that is set back."""
        old = [at for at in self._begun.values() if at < oldest]
        self._since = max([self._since, *(at + 1 for at in old)])
        self._begun = {session: at for session, at in self._begun.items() if at >= oldest}

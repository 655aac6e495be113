"""With whom a session is held: cosigners as governance has enrolled them, each at its place in the key. Pure.

A session names each of its cosigners once; all are enrolled under known keys, and none is banned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from schemas.keys import Cosigner
from schemas.values import HexBytes, Slug
from streams.sessions.refusals import NotTakingPart, WithBanned


@dataclass(frozen=True, slots=True)
class Participants:
    """The participants of a session, by name."""

    me: Slug
    cosigners: Mapping[Slug, Cosigner]

    @classmethod
    def of(
        cls, me: Slug, names: Sequence[Slug], enrolled: Mapping[Slug, Cosigner], is_banned: Callable[[HexBytes], bool]
    ) -> Self:
        """Return the named participants.

        Raises:
            NotTakingPart: a participant is not enrolled, banned, or named twice.
        """
        if len(set(names)) != len(names):
            raise NotTakingPart("participants", "a cosigner is named twice")
        for name in names:
            if name not in enrolled:
                raise NotTakingPart("participants", f"governance has enrolled no {name}")
            if is_banned(enrolled[name].signing_key):
                raise WithBanned(enrolled[name])
        return cls(me, {name: enrolled[name] for name in names})

    @property
    def party(self) -> int:
        """Return our own party number."""
        return self.cosigners[self.me].party

    @property
    def others(self) -> list[Cosigner]:
        """Return the other participants, by party."""
        found = [each for name, each in self.cosigners.items() if name != self.me]
        return sorted(found, key=lambda each: each.party)

    @property
    def sites(self) -> set[Slug]:
        """Return the participants' sites."""
        return {each.site for each in self.cosigners.values()}

    def at(self, party: int) -> Cosigner:
        """Return the participant with this party number. Raises KeyError."""
        return {each.party: each for each in self.cosigners.values()}[party]

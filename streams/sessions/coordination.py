"""Selects the cosigners of a signature: as many, of as many sites, as the key needs, and others when these fail. Pure.

A cosigner that refused an order is not asked about it again. One that delayed or spoiled a session is passed over for a while,
and ranks lower each time. Two cosigners, one of which accused the other, are not asked together: an accusation has no other
effect, since either may be lying. If the cheat cannot be identified, all participants are under suspicion, and only one that
spoils the next sessions, too, gathers more of it. Among equals the digest decides, so that all take their turns. Time comes in
as a value. Leaves out the signed content, and whether a signature is one (`streams.signing.backends.mpc`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, takewhile
from typing import Final

from schemas.keys import Cosigner
from schemas.values import MICROS_PER_MS, Instant, Slug

PASSED_OVER_MICROS: Final = 20_000 * MICROS_PER_MS
"""The time for which others are preferred after a silence."""
TO_EACH: Final = (1, 2)
TO_ALL: Final = 3
"""The rounds of a signature (DKLs23, protocol 3.6): in the first, each party sends to each; in the last, each sends to all."""


@dataclass(slots=True)
class CosignerStandings:
    """The record of cosigners over all orders: silences and accusations."""

    passed_over: dict[Slug, Instant] = field(default_factory=dict)
    """Until then, a cosigner is asked only if no other is left."""
    apart: set[frozenset[Slug]] = field(default_factory=set)
    """Pairs that are not asked together."""
    times: dict[Slug, int] = field(default_factory=dict)
    """The number of times that each was passed over since it last signed or was forgiven."""

    def pass_over(self, name: Slug, now: Instant) -> None:
        """Prefer other cosigners for a while."""
        self.times[name] = self.lateness(name, now) + 1
        self.passed_over[name] = now + PASSED_OVER_MICROS

    def heard(self, name: Slug) -> None:
        """Forgive a cosigner that answered as asked."""
        self.passed_over.pop(name, None)
        self.times.pop(name, None)

    def lateness(self, name: Slug, now: Instant) -> int:
        """Return how late a cosigner has been: 0 if nothing speaks against asking it."""
        return self.times.get(name, 1) if now < self.passed_over.get(name, 0) else 0

    def keep_apart(self, one: Slug, other: Slug) -> None:
        """Keep two cosigners apart: one accused the other."""
        if one != other:
            self.apart.add(frozenset((one, other)))


@dataclass(frozen=True, slots=True)
class Quorum:
    """The quorum that a key asks for."""

    holders: Mapping[Slug, Cosigner]
    threshold: int
    sites_min: int


def chosen(
    quorum: Quorum, company: CosignerStandings, refused: Collection[Slug], turn: bytes, now: Instant
) -> tuple[Slug, ...] | None:
    """Return the cosigners to ask now; None if those that are left cannot make up the quorum.

    `turn` decides among equals: the digest and the attempt.
    """
    left = sorted(name for name in quorum.holders if name not in refused)
    best = None
    for names in combinations(left, quorum.threshold):
        if len({quorum.holders[name].site for name in names}) < quorum.sites_min:
            continue
        if any(frozenset(pair) in company.apart for pair in combinations(names, 2)):
            continue
        late = sum(company.lateness(name, now) for name in names)
        rank = (late, hashlib.sha256(turn + "|".join(names).encode()).digest(), names)
        best = rank if best is None else min(best, rank)
    return None if best is None else best[2]


def rounds_said(name: Slug, participants: Sequence[Slug], said: Collection[tuple[int, Slug]]) -> int:
    """Return the number of rounds that a participant has completed, given its messages as (round, receiver; "" for all).

    A participant that keeps others waiting has completed fewer rounds than they have, in spite of its other messages.
    """
    others = [each for each in participants if each != name]
    rounds = [*({(number, each) for each in others} for number in TO_EACH), {(TO_ALL, "")}]
    return len(list(takewhile(lambda wanted: wanted <= set(said), rounds)))

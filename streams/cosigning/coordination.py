"""Who is asked to sign: as many cosigners as the key asks for, of as many sites, and others when these do not. Pure.

Decides that who refused an order is not asked about it again, that who was silent or failed is passed over for a while, and
that two of whom one accused the other are not asked together: an accusation is believed that far and no further, since either
may be lying. Among those that are left, the digest decides, so that all take their turns. Time comes in as a value.
Leaves out what is signed, and whether a signature is one (`streams.signing.backends.mpc`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from schemas.keys import Cosigner
from schemas.values import Instant, Slug

MICROS_PER_MS: Final = 1_000
PASSED_OVER_MICROS: Final = 20_000 * MICROS_PER_MS
"""How long after a silence others are preferred."""


@dataclass(slots=True)
class Company:
    """What is known of cosigners, over all orders."""

    passed_over: dict[Slug, Instant] = field(default_factory=dict)
    """Until when each is asked only if there is nobody else."""
    apart: set[frozenset[Slug]] = field(default_factory=set)
    """Pairs that are not asked together."""

    def pass_over(self, name: Slug, now: Instant) -> None:
        """Prefer others for a while."""
        self.passed_over[name] = now + PASSED_OVER_MICROS

    def heard(self, name: Slug) -> None:
        """It did what it was asked to."""
        self.passed_over.pop(name, None)

    def keep_apart(self, one: Slug, other: Slug) -> None:
        """One accused the other."""
        if one != other:
            self.apart.add(frozenset((one, other)))


@dataclass(frozen=True, slots=True)
class Quorum:
    """What a key asks for."""

    holders: Mapping[Slug, Cosigner]
    threshold: int
    sites_min: int


def chosen(quorum: Quorum, company: Company, refused: Collection[Slug], turn: bytes, now: Instant) -> tuple[Slug, ...] | None:
    """Who is to be asked now; None when those that are left cannot make up the quorum.

    `turn` decides among equals: the digest and the attempt.
    """
    left = sorted(name for name in quorum.holders if name not in refused)
    best = None
    for names in combinations(left, quorum.threshold):
        if len({quorum.holders[name].site for name in names}) < quorum.sites_min:
            continue
        if any(frozenset(pair) in company.apart for pair in combinations(names, 2)):
            continue
        late = sum(now < company.passed_over.get(name, 0) for name in names)
        rank = (late, hashlib.sha256(turn + "|".join(names).encode()).digest(), names)
        best = rank if best is None else min(best, rank)
    return None if best is None else best[2]

"""A quorum: how many people with one role must agree, written `risk-officer:1` in policies, events and the API."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Final, NamedTuple

from schemas.events.facts import ApprovalFact
from schemas.values import PrincipalId, Role

PEOPLE_MAX: Final = 9
"""More than this is a vote, not a quorum."""

_TEXT: Final = re.compile(rf"([a-z0-9][a-z0-9-]{{0,62}}):([1-{PEOPLE_MAX}])")


class Quorum(NamedTuple):
    """So many distinct people with `role`, the order's initiator not among them."""

    role: Role
    people: int

    def __str__(self) -> str:
        """Return its only text."""
        return f"{self.role}:{self.people}"


def parse(text: str) -> Quorum:
    """Return the quorum that `text` writes.

    Raises:
        ValueError: it is not a role, a colon and a number from 1 to 9.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        message = f'"{text}" is no quorum: write a role, a colon and 1 to {PEOPLE_MAX} people, such as risk-officer:1'
        raise ValueError(message)
    return Quorum(found[1], int(found[2]))


class Tally(NamedTuple):
    """What approvals add up to."""

    people: int
    """Distinct people, in whatever role."""
    quorums: tuple[str, ...]
    """Every quorum that is met, the smaller ones too, in alphabetical order."""


def tally(approvals: Collection[ApprovalFact], initiator: PrincipalId) -> Tally:
    """Count distinct people by role. Whoever initiated the order never counts, nobody counts twice."""
    roles_of: dict[PrincipalId, set[Role]] = {}
    for approval in approvals:
        if approval.principal != initiator:
            roles_of.setdefault(approval.principal, set()).update(approval.roles)
    people_in = Counter(role for roles in roles_of.values() for role in roles)
    met = (str(Quorum(role, n)) for role, people in people_in.items() for n in range(1, min(people, PEOPLE_MAX) + 1))
    return Tally(len(roles_of), tuple(sorted(met)))

"""Parses and counts quorums, written `risk-officer:2 & compliance-officer:1 & sites:2` in policies, events and the API.

Each person counts once, in one of their roles: the quorum is met when a different person fills every place (a bipartite
matching of people to places; Kuhn 1955). The initiator never counts. `sites:n` needs n of the approvers at n different sites.
The sets that can be matched form a matroid, so a set of people that fills the quorum has `n` sites exactly when `n` sites can
be matched to its places: one matching of people, one of sites.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.events.facts import ApprovalFact
from schemas.values import PrincipalId, Role, Slug

PEOPLE_MAX: Final = 9
"""The most people in one role. A larger number is a vote, not a quorum."""
ROLES_MAX: Final = 5
TEXTS_CACHED_MAX: Final = 1_024

_SITES: Final = "sites"
_TERM: Final = re.compile(rf"([a-z0-9][a-z0-9-]{{0,62}}):([1-{PEOPLE_MAX}])")


class Quorum(NamedTuple):
    """A number of distinct people in each role, at no fewer than `sites` sites."""

    places: tuple[tuple[Role, int], ...]
    """Roles with their numbers, in the order of the text; no role twice."""
    sites: int

    @property
    def roles(self) -> frozenset[Role]:
        """Return the roles that can be part of it."""
        return frozenset(role for role, _ in self.places)

    @property
    def people(self) -> int:
        """Return the number of people that it takes."""
        return sum(count for _, count in self.places)

    def __str__(self) -> str:
        """Return its only text."""
        terms = [f"{role}:{count}" for role, count in self.places]
        return " & ".join(terms if self.sites == 1 else [*terms, f"{_SITES}:{self.sites}"])


@lru_cache(maxsize=TEXTS_CACHED_MAX)
def parse(text: str) -> Quorum:
    """Return the quorum that `text` writes.

    Raises:
        ValueError: the text is not one that `Quorum.__str__` writes, or asks for more sites than people.
    """
    found = [_TERM.fullmatch(term) for term in text.split(" & ")]
    terms = [(match[1], int(match[2])) for match in found if match is not None]
    places = tuple(term for term in terms if term[0] != _SITES)
    quorum = Quorum(places, dict(terms).get(_SITES, 1))
    if None in found or str(quorum) != text or len(quorum.roles) != len(places) or not 1 <= len(places) <= ROLES_MAX:
        raise ValueError(
            f'"{text}" is no quorum: write up to {ROLES_MAX} roles, each once, with 1 to {PEOPLE_MAX} people, and sites last '
            "if more than one is needed, such as risk-officer:2 & compliance-officer:1 & sites:2"
        )
    if quorum.sites > quorum.people:
        raise ValueError(f'"{text}" is no quorum: {quorum.people} people cannot be at {quorum.sites} sites')
    return quorum


class Person(NamedTuple):
    """A person who approved, or could approve."""

    roles: frozenset[Role]
    site: Slug


class Filled(NamedTuple):
    """The largest part of a quorum that a set of people fills."""

    places: Mapping[Role, int]
    """The number of people in each of its roles; each person in one."""
    sites: int
    """The number of different sites among the people who fill it."""

    @property
    def people(self) -> int:
        """Return the number of filled places."""
        return sum(self.places.values())


def approvers(approvals: Iterable[ApprovalFact], initiator: PrincipalId) -> dict[PrincipalId, Person]:
    """Return every approver other than `initiator`, once each, with all roles they approved in."""
    people: dict[PrincipalId, Person] = {}
    for approval in approvals:
        if approval.principal != initiator:
            before = people.get(approval.principal, Person(frozenset(), approval.site))
            people[approval.principal] = Person(before.roles | frozenset(approval.roles), approval.site)
    return people


def filled(quorum: Quorum, people: Collection[Person]) -> Filled:
    """Return the largest part of `quorum` that `people` fill."""
    places = dict(quorum.places)
    by_site: dict[Slug, frozenset[Role]] = {}
    for person in people:
        by_site[person.site] = by_site.get(person.site, frozenset()) | person.roles
    matched = _matched([person.roles for person in people], places)
    return Filled(matched, sum(_matched(list(by_site.values()), places).values()))


def is_met(quorum: Quorum, people: Collection[Person]) -> bool:
    """Return True if `people` fill the whole of `quorum`."""
    if len(people) < quorum.people:
        return False
    found = filled(quorum, people)
    return found.people == quorum.people and found.sites >= quorum.sites


class Tally(NamedTuple):
    """The count of approvals."""

    people: int = 0
    """Number of distinct people, in any role."""
    sites: int = 0
    """Number of their distinct sites."""
    quorums: tuple[str, ...] = ()
    """Every quorum of one role that is met, the smaller ones too, and those asked after, in alphabetical order."""


def tally(approvals: Collection[ApprovalFact], initiator: PrincipalId, asked: Collection[str] = ()) -> Tally:
    """Count distinct people, and list the quorums among `asked` that are met. The initiator never counts; others count once."""
    if not approvals:
        return Tally()
    people = approvers(approvals, initiator).values()
    holders = {role: sum(role in person.roles for person in people) for person in people for role in person.roles}
    met = {f"{role}:{count}" for role, most in holders.items() for count in range(1, min(most, PEOPLE_MAX) + 1)}
    met.update(text for text in asked if is_met(parse(text), people))
    return Tally(len(people), len({person.site for person in people}), tuple(sorted(met)))


def _matched(offers: Sequence[frozenset[Role]], places: Mapping[Role, int]) -> dict[Role, int]:
    """Return the largest number of offers that fill a place each, by role. Offers come first or are moved, never displaced."""
    holders: dict[Role, list[int]] = {role: [] for role in places}

    def place(offer: int, tried: set[Role]) -> bool:
        for role in places:
            if role not in offers[offer] or role in tried:
                continue
            tried.add(role)
            if len(holders[role]) < places[role]:
                holders[role].append(offer)
                return True
            for seat, holder in enumerate(holders[role]):
                if place(holder, tried):
                    holders[role][seat] = offer
                    return True
        return False

    for offer in range(len(offers)):
        place(offer, set())
    return {role: len(held) for role, held in holders.items()}

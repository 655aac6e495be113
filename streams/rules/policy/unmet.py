"""States the approvals that an order still needs, and lists the people who could give one now.

A person is listed if their approval brings the quorum nearer: by a site where every open place needs a new site, else by a
place or a site. If no single person does, everybody with one of its roles is listed, since two together may. The initiator,
earlier approvers and systems are never listed. Left out: whether a person has a FIDO2 key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from schemas.events.facts import ApprovalFact, Unmet
from schemas.events.governance import AccessChanged
from schemas.values import DeskId, PrincipalId
from streams.rules.policy.quorum import Filled, Person, Quorum, approvers, filled, parse

COULD_APPROVE_MAX: Final = 50


def unmet(
    requires: Sequence[str],
    approvals: Sequence[ApprovalFact],
    initiator: PrincipalId,
    principals: Mapping[PrincipalId, AccessChanged],
    desk_id: DeskId,
) -> list[Unmet]:
    """Return, for each quorum of `requires` in its order, the missing approvals and the people who could give them."""
    given = approvers(approvals, initiator)
    asked = {
        principal: Person(frozenset(access.roles), access.site)
        for principal, access in sorted(principals.items())
        if _may(access, desk_id) and principal != initiator and principal not in given
    }
    return [_unmet(parse(text), list(given.values()), asked) for text in requires]


def _may(access: AccessChanged, desk_id: DeskId) -> bool:
    return access.kind == "person" and access.status == "active" and desk_id in access.desks


def _unmet(quorum: Quorum, given: list[Person], asked: Mapping[PrincipalId, Person]) -> Unmet:
    so_far = filled(quorum, given)
    could = _nearer(quorum, so_far, given, asked)
    return Unmet(requires=str(quorum), missing=_missing(quorum, so_far), could_approve=could[:COULD_APPROVE_MAX])


def _nearer(quorum: Quorum, so_far: Filled, given: list[Person], asked: Mapping[PrincipalId, Person]) -> list[PrincipalId]:
    people_missing, sites_missing = quorum.people - so_far.people, _sites_missing(quorum, so_far)
    fitting = {name: person for name, person in asked.items() if not quorum.roles.isdisjoint(person.roles)}
    at_best = filled(quorum, [*given, *fitting.values()])
    if at_best.people == so_far.people and min(at_best.sites, quorum.sites) <= so_far.sites:
        return []
    with_them = {name: filled(quorum, [*given, person]) for name, person in fitting.items()}
    site_more = [name for name, then in with_them.items() if sites_missing and then.sites > so_far.sites]
    place_more = [name for name, then in with_them.items() if then.people > so_far.people]
    if site_more and sites_missing >= people_missing:
        return site_more
    return sorted({*site_more, *place_more}) or list(with_them)


def _sites_missing(quorum: Quorum, so_far: Filled) -> int:
    return max(quorum.sites - so_far.sites, 0)


def _missing(quorum: Quorum, so_far: Filled) -> str:
    places = " and ".join(_places_missing(quorum, so_far))
    sites = _sites_in_words(quorum, so_far)
    if not places and not sites:
        return "no approval: the quorum is met, but the rule still forbids; have its author correct it"
    return ", ".join(part for part in (places or f"1 more {' or '.join(role for role, _ in quorum.places)}", sites) if part)


def _places_missing(quorum: Quorum, so_far: Filled) -> Iterator[str]:
    for role, count in quorum.places:
        if so_far.places[role] < count:
            yield f"{count - so_far.places[role]} more {role}"


def _sites_in_words(quorum: Quorum, so_far: Filled) -> str:
    """Return the sites at which the missing approvers must work, in words; empty if any site will do."""
    missing = _sites_missing(quorum, so_far)
    if quorum.sites == 1 or missing == 0:
        return ""
    if so_far.sites == 0:
        return f"at {quorum.sites} sites"
    some = f"{missing} of them " if missing < quorum.people - so_far.people else ""
    return f"{some}from another site" if missing == 1 else f"{some}from {missing} other sites"

"""Checks that a proposal could be put in force: the checks of genesis, on the firm after the change.

A policy that does not parse, does not fit its attributes, denies everything, or asks for quorums that cannot be met;
limits in the wrong unit; rights that would leave a quorum of the policy in force without enough people: each is refused with
every problem found. A person's access may be removed even if orders then have no approvers, because a stolen key
cannot wait; but not if the firm could then no longer be changed. Pure. Leaves out back-testing against the log, which
shows what a policy would have decided.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events.governance import AccessChanged, PolicyActivated
from schemas.firm import Access
from streams.rules.firm.view import Governance
from streams.rules.governance.review import access as rights
from streams.rules.governance.review import limits, settings
from streams.rules.limits.scopes import Institution, known_subjects
from streams.rules.policy import review
from streams.rules.refusals.governance import NothingChanges, ProposalUnusable


def check_policy(firm: Governance, policy: PolicyActivated) -> None:
    """Check that `policy` could follow the one in force.

    Raises:
        NothingChanges, ProposalUnusable: the policy could not be put in force.
    """
    if firm.policy is not None and _content(policy) == _content(firm.policy):
        raise NothingChanges
    _refuse(policy_problems(firm, policy))


def policy_problems(firm: Governance, policy: PolicyActivated) -> list[str]:
    """Return everything that speaks against `policy` in this firm, a sentence each."""
    active = tuple(access for access in firm.principals.values() if access.status == "active")
    return [
        *limits.problems(policy.limits, known_subjects(_institution(firm))),
        *settings.problems(policy.settings, firm.rules),
        *review.problems(policy, active),
    ]


def check_access(firm: Governance, access: Access) -> None:
    """Check that these rights could be given.

    Raises:
        NothingChanges, ProposalUnusable: the rights could not be given.
    """
    present = firm.principals.get(access.principal)
    if present is not None and Access.model_validate(present.model_dump(include=set(Access.model_fields))) == access:
        raise NothingChanges
    if present is not None and present.kind != access.kind:
        raise ProposalUnusable(problems=f"principal {access.principal}: is a {present.kind}, and stays one")
    others = [each for each in firm.principals.values() if each.principal != access.principal]
    changed = AccessChanged.model_validate(dict(access))
    found = list(rights.problems([*others, access], firm.desks))
    if firm.policy is not None and not found:
        check = review.problems if access.status == "active" else review.locked_in
        found = list(check(firm.policy, tuple(each for each in [*others, changed] if each.status == "active")))
    _refuse(found)


def _institution(firm: Governance) -> Institution:
    return Institution(
        principals=firm.principals,
        wallets=firm.wallets,
        assets=firm.assets,
        targets=firm.contracts.values(),
        desks=firm.desks,
    )


def _content(policy: PolicyActivated) -> tuple[object, ...]:
    return policy.cedar, policy.cedar_schema, policy.limits, policy.settings


def _refuse(problems: Iterable[str]) -> None:
    if found := list(problems):
        raise ProposalUnusable(problems="; ".join(found))

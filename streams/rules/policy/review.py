"""Reviews a policy before it is activated: it can be evaluated, its quorums can be met, it lets somebody do something.

Reads the text (`ruleset`), checks that it fits its attributes (`conformity`), then evaluates the samples (`samples`) for each
set of roles that a principal holds. A policy that denies all orders stops the firm; one under which no breaker could be
tripped, or policy never changed again, locks it in. Resets of breakers and changes of policy, access and keys need a quorum:
the rules must hold an unconditional forbid for everybody that only a quorum lifts. The proposer never counts in a quorum.
Pure. Source: architecture, rule 8. Left out: back-testing against the log, and limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, get_args

from schemas.events.facts import ApprovalFact
from schemas.events.governance import AccessChanged, PolicyActivated
from schemas.firm_commands import POLICY_CHARACTERS_MAX
from schemas.keys import KeyOperation
from schemas.values import DAY_MICROS, Instant
from streams.rules.policy import quorum, samples
from streams.rules.policy.administration import AdministrativeRequest, administer
from streams.rules.policy.cedar.actions import CHANGES, AdministrativeAction
from streams.rules.policy.conformity import fitting, names
from streams.rules.policy.evaluation import evaluate
from streams.rules.policy.quorum import Person
from streams.rules.policy.ruleset import PolicyInvalid, Rule, Ruleset
from streams.rules.policy.verdict import EVALUATION_ERROR

_HOUR_MICROS: Final = DAY_MICROS // 24
_TIMES: Final[tuple[Instant, ...]] = (
    *(samples.TUESDAY_NOON + days * DAY_MICROS for days in range(7)),
    *(samples.TUESDAY_NOON + hours * _HOUR_MICROS for hours in range(24)),
)
"""Every weekday and every hour, for rules that look at the clock."""
_BREAKERS: Final = tuple(
    (scope, state, "")
    for scope in ("protocol", "contract", "counterparty", "asset", "wallet", "desk", "firm")
    for state in ("reducing", "open")
)
_ASKED: Final[Mapping[AdministrativeAction, tuple[tuple[str, str, str], ...]]] = MappingProxyType(
    {
        "trip-breaker": _BREAKERS,
        "reset-breaker": _BREAKERS,
        "change-key": tuple(("", "", operation) for operation in get_args(KeyOperation)),
    }
)
"""Scope, state and operation that each change is tried with."""


def problems(policy: PolicyActivated, access: Sequence[AccessChanged]) -> Iterator[str]:
    """Yield everything that speaks against `policy` for a firm of `access`, a sentence each; nothing if it may be used."""
    if len(policy.cedar) + len(policy.cedar_schema) > POLICY_CHARACTERS_MAX:
        yield f"policy: text and schema are longer than {POLICY_CHARACTERS_MAX} characters together; shorten them"
        return
    try:
        ruleset = fitting(policy.cedar, policy.cedar_schema, policy.settings.zone)
    except PolicyInvalid as error:
        yield from (f"policy: {problem}" for problem in error.problems)
        return
    active = [each for each in access if each.status == "active"]
    found = [*_unmeetable(ruleset, active), *_changed_by_one(ruleset, policy.cedar_schema)]
    found += _denies_everything(policy, active) or list(locked_in(policy, active))
    yield from (f"policy: {problem}" for problem in found)


def _unmeetable(ruleset: Ruleset, access: Sequence[AccessChanged]) -> Iterator[str]:
    for rule in ruleset.rules.values():
        if rule.requires is not None:
            yield from _unmeetable_of(rule, rule.requires, access)


def _unmeetable_of(rule: Rule, requires: str, access: Sequence[AccessChanged]) -> Iterator[str]:
    """Yield roles that no person holds, and numbers of people or sites that are too large."""
    needed = quorum.parse(requires)
    people = {each.principal: Person(frozenset(each.roles), each.site) for each in access if each.kind == "person"}
    wanting = [role for role, _ in needed.places if not any(role in person.roles for person in people.values())]
    yield from (f'{rule.rule_id} requires {requires}, but nobody has the role "{role}"' for role in wanting)
    if not wanting and not quorum.is_met(needed, people.values()):
        can = ", ".join(sorted(name for name, person in people.items() if needed.roles & person.roles))
        sites = len({person.site for person in people.values() if needed.roles & person.roles})
        yield f"{rule.rule_id} requires {requires}, but only {can} can give it, at {sites} site{'s' if sites > 1 else ''}"


def _changed_by_one(ruleset: Ruleset, cedar_schema: str) -> Iterator[str]:
    """Yield changes that need a quorum, but that no unconditional forbid holds back for everybody."""
    for action in _possible(cedar_schema):
        if not any(rule.waits and action in rule.actions for rule in ruleset.rules.values()):
            yield (
                f"one person alone could do {action}: write a forbid on it for every principal, with no when, "
                "and unless { context.quorums.contains(…) }"
            )


def _possible(cedar_schema: str) -> Iterator[AdministrativeAction]:
    """Return the changes that the policy's schema declares."""
    return (action for action in CHANGES if names(cedar_schema, action))


def _denies_everything(policy: PolicyActivated, access: Sequence[AccessChanged]) -> list[str]:
    holders = sorted({tuple(each.roles) for each in access})
    outcomes = set()
    for now in _TIMES:
        asked = [(roles, action) for roles in holders for action in samples.ACTIONS]
        answers = [evaluate(policy, samples.order(action), samples.facts(roles, now)) for roles, action in asked]
        broken = sorted({r.message for answer in answers for r in answer.refusals if r.check == EVALUATION_ERROR})
        if broken:
            return [f"cannot be evaluated: {message}" for message in broken]
        outcomes |= {answer.outcome for answer in answers}
        if outcomes - {"refused"}:
            return []
    return ["denies everything: no principal could place an order of one cent to a listed target; permit some action to a role"]


def locked_in(policy: PolicyActivated, access: Sequence[AccessChanged]) -> Iterator[str]:
    """Yield each change that `policy` lets none of these people make, a sentence each."""
    if not _could(policy, "trip-breaker", access):
        yield "locks the firm in: nobody could trip a breaker alone; permit trip-breaker to a role, without a quorum"
    for action in _possible(policy.cedar_schema):
        if not _could(policy, action, access):
            yield f"locks the firm in: nobody could do {action} even with everybody's approval; permit it to a role"


def _could(policy: PolicyActivated, action: AdministrativeAction, access: Sequence[AccessChanged]) -> bool:
    """Return True if some principal may do `action` at some time, if all others approve; tripping needs no approval.

    Everybody is tried at one time before anybody at the next: most permissions hold at noon on a Tuesday.
    """
    agreeing = [each for each in access if each.kind == "person" and action != "trip-breaker"]
    approvals = tuple(ApprovalFact(principal=each.principal, site=each.site, roles=each.roles) for each in agreeing)
    asked = _ASKED.get(action, (("", "", ""),))
    return any(
        administer(
            policy,
            action,
            AdministrativeRequest(
                actor=proposer.principal,
                roles=tuple(proposer.roles),
                site=proposer.site,
                now=now,
                approvals=approvals,
                scope=scope,
                subject=samples.NAME,
                state=state,
                operation=operation,
            ),
        ).outcome
        == "allowed"
        for now in _TIMES
        for proposer in access
        for scope, state, operation in asked
    )

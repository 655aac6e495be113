"""Asks Cedar about a principal, an action, a resource and a context that holds only the attributes that the rules read.

Questions that a group of rules cannot tell apart are asked once: a number that rules only compare with thresholds is replaced
by a representative of its interval. So most orders of a desk are the same question, and its answer is cached; Cedar has no
state, so an answer never changes. A question has no schema: `conformity` checks the rules before a policy is evaluated.
Callers must treat a rule that Cedar could not evaluate as a denial.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

import cedarpy

from schemas.values import PrincipalId, Role, Slug
from streams.rules.policy.cedar.actions import groups_of
from streams.rules.policy.cedar.expressions import Thresholds, representative
from streams.rules.policy.ruleset import RuleGroup

PLANS_CACHED_MAX: Final = 1_024
ENTITIES_CACHED_MAX: Final = 1_024
ANSWERS_CACHED_MAX: Final = 4_096
"""Answers kept in memory: about 10 MB."""


class Uid(NamedTuple):
    """The id of an entity that rules can name: `Desk::"newswap"`."""

    kind: str
    name: str


class Numbers(NamedTuple):
    """Numbers by name; names without a number are left out."""

    named: tuple[tuple[str, int], ...]


Value = bool | int | str | Uid | Numbers | tuple[str, ...] | None
"""An attribute's value. A tuple is a set; None is an optional attribute that is missing."""


class Thing(NamedTuple):
    """An entity with its parents and its attributes."""

    uid: Uid
    parents: tuple[Uid, ...] = ()
    attributes: tuple[tuple[str, Value], ...] = ()


class Scene(NamedTuple):
    """The principal, the action and the resource of a question."""

    user: PrincipalId
    roles: tuple[Role, ...]
    site: Slug
    action: str
    resource: Thing


Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary(Generic[Subject]):
    """The attributes of a context, and how each is derived from a subject."""

    terms: Mapping[str, Callable[[Subject], Value]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Cedar's answer."""

    allowed: bool
    """True if some permit matched, and no forbid did, among the rules that could be evaluated."""
    determining: frozenset[str]
    """Ids of the permits that allowed, or of the forbids that denied."""
    errors: tuple[str, ...]
    """Errors of the rules that could not be evaluated, in alphabetical order."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plan(Generic[Subject]):
    """The attributes that a group of rules reads: name, how to derive it, and the thresholds it is compared with."""

    rules: RuleGroup
    terms: tuple[tuple[str, Callable[[Subject], Value], Thresholds], ...]


def ask(
    rules: RuleGroup, scene: Scene, vocabulary: Vocabulary[Subject], subject: Subject, things: tuple[Thing, ...] = ()
) -> Answer:
    """Evaluate `rules` on `scene`, with the attributes of `subject` that they read. `things`: entities the context may name."""
    plan = _plan(rules, vocabulary)
    values = tuple([_told(tell(subject), thresholds) for _, tell, thresholds in plan.terms])
    named = tuple([thing for thing in things if thing.uid in values])
    return _answer(plan, scene, named, values)


def entities_json(scene: Scene, things: tuple[Thing, ...] = ()) -> str:
    """Return all entities that a question names, in Cedar's JSON form."""
    user = Thing(Uid("User", scene.user), tuple(Uid("Role", role) for role in scene.roles), (("site", scene.site),))
    action = Thing(Uid("Action", scene.action), tuple(Uid("Action", group) for group in groups_of(scene.action)))
    return json.dumps([_entity(thing) for thing in dict.fromkeys([user, action, scene.resource, *things])])


def request(scene: Scene, context: Mapping[str, Value]) -> dict[str, Any]:
    """Return the question in Cedar's form."""
    present = {name: _json(value) for name, value in context.items() if value is not None}
    return {
        "principal": {"type": "User", "id": scene.user},
        "action": {"type": "Action", "id": scene.action},
        "resource": {"type": scene.resource.uid.kind, "id": scene.resource.uid.name},
        "context": json.dumps(present),
    }


@lru_cache(maxsize=PLANS_CACHED_MAX)
def _plan(rules: RuleGroup, vocabulary: Vocabulary[Subject]) -> _Plan[Subject]:
    reads = dict.fromkeys(vocabulary.terms) if rules.reads is None else rules.reads
    told = [(name, tell, reads[name]) for name, tell in vocabulary.terms.items() if name in reads]
    return _Plan(rules, tuple(told))


def _told(value: Value, thresholds: Thresholds) -> Value:
    return value if thresholds is None or type(value) is not int else representative(value, thresholds)


@lru_cache(maxsize=ANSWERS_CACHED_MAX)
def _answer(plan: _Plan[Any], scene: Scene, things: tuple[Thing, ...], values: tuple[Value, ...]) -> Answer:
    context = dict(zip([name for name, _, _ in plan.terms], values, strict=True))
    said = cedarpy.is_authorized(request(scene, context), plan.rules.policies, _entities(scene, things))
    reasons, errors = said.diagnostics.reasons, said.diagnostics.errors
    return Answer(said.allowed, frozenset(reasons), tuple(sorted(errors)))


@lru_cache(maxsize=ENTITIES_CACHED_MAX)
def _entities(scene: Scene, things: tuple[Thing, ...]) -> cedarpy.Entities:
    return cedarpy.Entities.from_json_str(entities_json(scene, things))


def _entity(thing: Thing) -> dict[str, Any]:
    return {
        "uid": {"type": thing.uid.kind, "id": thing.uid.name},
        "attrs": {name: _json(value) for name, value in thing.attributes if value is not None},
        "parents": [{"type": parent.kind, "id": parent.name} for parent in thing.parents],
    }


def _json(value: Value) -> Any:
    match value:
        case Uid(kind, name):
            return {"__entity": {"type": kind, "id": name}}
        case Numbers(named):
            return dict(named)
        case _:
            return value

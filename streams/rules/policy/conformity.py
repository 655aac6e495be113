"""Checks once for each policy text that its rules fit the attributes that they are given; questions then need no schema.

Cedar's validator checks every rule against the policy's own schema. The schema is checked against samples of the questions
that the desk and governance ask: for each action, one with every optional attribute and one with none. Without this check, a
rule that compares a text with a number, or reads an attribute that may be missing, would be skipped or deny everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import cedarpy

from schemas.firm import Zone
from streams.rules.policy import samples
from streams.rules.policy.cedar.actions import ADDED
from streams.rules.policy.cedar.asking import Scene, Thing, Value, entities_json, request
from streams.rules.policy.ruleset import COMPILED_MAX, PolicyInvalid, Ruleset, ready

NAMED_MAX: Final = 128
"""Actions of schemas that are remembered as declared or not."""

_NO_RULES: Final = cedarpy.PolicySet.from_str("")


@lru_cache(maxsize=COMPILED_MAX)
def fitting(cedar: str, cedar_schema: str, zone: Zone) -> Ruleset:
    """Return the prepared policy after checking that it fits. Keyed by the texts: a hash beside them could be wrong.

    Raises:
        PolicyInvalid: the policy does not fit; with every problem.
    """
    ruleset = ready(cedar)
    found = (*_misread_schema(cedar_schema), *_unknown_zone(zone)) or (*_mistyped(cedar, cedar_schema), *_unfit(cedar_schema))
    if found:
        raise PolicyInvalid(found)
    return ruleset


def require_named(cedar_schema: str, action: str) -> None:
    """Check that the schema declares `action`, which a schema older than the action need not.

    Raises:
        PolicyInvalid: the schema does not declare it.
    """
    if not names(cedar_schema, action):
        raise PolicyInvalid(
            (f"its schema does not declare the action {action}: declare it, as the starter policy's schema does",)
        )


@lru_cache(maxsize=NAMED_MAX)
def names(cedar_schema: str, action: str) -> bool:
    """Return True if a readable schema declares `action`. Always True for actions that every schema declares."""
    if action not in ADDED:
        return True
    return cedarpy.validate_policies(
        f'permit (principal, action == Action::"{action}", resource);', cedar_schema
    ).validation_passed


def _misread_schema(cedar_schema: str) -> Iterator[str]:
    try:
        cedarpy.Schema.from_str(cedar_schema)
    except ValueError as error:
        yield f"its schema is not Cedar: {_line(error)}"


def _unknown_zone(zone: Zone) -> Iterator[str]:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f'the settings\' zone "{zone}" is not in the IANA time zone database: write one such as Europe/Zurich'


def _mistyped(cedar: str, cedar_schema: str) -> Iterator[str]:
    """Yield the findings of Cedar's validator, by rule id."""
    found = cedarpy.validate_policies(cedar, cedar_schema)
    for error in found.errors:
        yield f"{found.id_annotations_by_policy_id.get(error.policy_id, error.policy_id)}: {_line(error.error)}"


@lru_cache(maxsize=COMPILED_MAX)
def _unfit(cedar_schema: str) -> tuple[str, ...]:
    """Yield the differences between the schema and the attributes that rules are given."""
    schema = cedarpy.Schema.from_str(cedar_schema)
    asked = ((scene.action, _refused(schema, scene, things, context)) for scene, things, context in _questions(cedar_schema))
    found = [f"its schema does not fit the attributes of {action}: {problem}" for action, problem in asked if problem]
    return tuple(dict.fromkeys(found))


def _questions(cedar_schema: str) -> Iterator[tuple[Scene, tuple[Thing, ...], Mapping[str, Value]]]:
    return (question for question in samples.questions() if names(cedar_schema, question[0].action))


def _refused(schema: cedarpy.Schema, scene: Scene, things: tuple[Thing, ...], context: Mapping[str, Value]) -> str:
    try:
        entities = cedarpy.Entities.from_json_str(entities_json(scene, things), schema)
    except ValueError as error:
        return _line(error)
    answer = cedarpy.is_authorized(request(scene, context), _NO_RULES, entities, schema)
    return "; ".join(_line(error) for error in answer.diagnostics.errors)


def _line(text: Any) -> str:
    return " ".join(str(text).split())

"""A rule's attributes are read from its conditions; a condition that is not plain counts as using all of them."""

from __future__ import annotations

import json
from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.rules.policy.cedar.expressions import always_waits_for_a_quorum, attributes_read, quorums_read, representative


def parsed(text: str) -> dict[str, Any]:
    [policy] = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    assert isinstance(policy, dict)
    return policy


def when(condition: str) -> dict[str, Any]:
    return parsed(f"forbid(principal, action, resource) when {{ {condition} }};")


@pytest.mark.parametrize(
    ("condition", "read"),
    [
        ("true", {}),
        ("resource.listed", {}),
        ("context.a > 5", {"a": (5,)}),
        ("5 > context.a", {"a": (5,)}),
        ("context.a == 5 || context.a != 3 || context.a <= 9", {"a": (3, 5, 9)}),
        ("context.a > -5", {"a": (-5,)}),
        ("context.a > 5 && context.a * 2 > 7", {"a": None}),
        ("context.a * 2 > 7 && context.a > 5", {"a": None}),
        ("context.a > context.b", {"a": None, "b": None}),
        ("context.a > resource.b", {"a": None}),
        ("context.a == true", {"a": None}),
        ("true == context.a", {"a": None}),
        ('context.a == "x"', {"a": None}),
        ('context.a == Desk::"x"', {"a": None}),
        ("context.a.b > 5", {"a": None}),
        ("context has a", {"a": None}),
        ("context has a.b", {"a": None}),
        ('context["a b"] > 5', {"a b": (5,)}),
        ('context.q.contains("x")', {"q": None}),
        ("[context.a, 5].contains(7)", {"a": None}),
        ("{x: context.a}.x > 5", {"a": None}),
        ("if context.a > 1 then context.b > 2 else context.c", {"a": (1,), "b": (2,), "c": None}),
        ("context == {a: 1}", None),
        ("[context].isEmpty()", None),
        ("context.a > 5 && context == context", None),
    ],
)
def test_attributes_that_are_read(condition: str, read: dict[str, Any] | None) -> None:
    assert attributes_read([when(condition)]) == read


def test_what_several_rules_read_is_read_together() -> None:
    assert attributes_read([when("context.a > 5 && context.b"), when("context.a > 3"), when("true")]) == {
        "a": (3, 5),
        "b": None,
    }


@given(st.integers(-20, 20), st.sets(st.integers(-10, 10), min_size=1), st.integers(-20, 20))
def test_a_representative_compares_with_every_threshold_as_its_number_does(
    number: int, thresholds: set[int], other: int
) -> None:
    ascending = tuple(sorted(thresholds))
    stands_for = representative(number, ascending)
    for each in thresholds:
        assert (number < each, number == each) == (stands_for < each, stands_for == each)
    same = all((number < each, number == each) == (other < each, other == each) for each in thresholds)
    assert (representative(other, ascending) == stands_for) == same


@pytest.mark.parametrize(
    ("condition", "quorums"),
    [
        ("true", []),
        ('context.quorums.contains("a:1")', ["a:1"]),
        ('!context.quorums.contains("a:1") || context.quorums.contains("b:2 & c:1")', ["a:1", "b:2 & c:1"]),
        ('context.quorums.containsAny(["a:1", "b:1"])', ["a:1", "b:1"]),
        ('context.quorums.containsAll(["a:1", "b:1"])', ["a:1", "b:1"]),
        ('context.breakers.contains("a:1")', []),
        ("context.quorums.contains(principal.site)", []),
        ('context has quorums && ["a:1"].contains("a:1")', []),
    ],
)
def test_quorums_that_are_looked_for(condition: str, quorums: list[str]) -> None:
    assert list(quorums_read(when(condition))) == quorums


QUORUM = 'context.quorums.contains("a:1")'


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (f"forbid(principal, action, resource) unless {{ {QUORUM} }};", True),
        (f"forbid(principal, action, resource is Firm) unless {{ {QUORUM} }};", True),
        (f"forbid(principal, action, resource) unless {{ {QUORUM} && context.hour > 8 }};", True),
        (f"forbid(principal, action, resource) unless {{ context.hour > 8 && {QUORUM} }};", True),
        (f"forbid(principal, action, resource) unless {{ {QUORUM} || {QUORUM} }};", True),
        (f"forbid(principal, action, resource) unless {{ {QUORUM} || context.hour > 8 }};", False),
        (f"forbid(principal, action, resource) unless {{ !{QUORUM} }};", False),
        ("forbid(principal, action, resource) unless { context.quorums.contains(principal.site) };", False),
        ('forbid(principal, action, resource) unless { context.grants.contains("a:1") };', False),
        (f"forbid(principal, action, resource) when {{ context.hour > 8 }} unless {{ {QUORUM} }};", False),
        (f"forbid(principal, action, resource) when {{ {QUORUM} }};", False),
        ("forbid(principal, action, resource);", False),
        (f'forbid(principal in Role::"a", action, resource) unless {{ {QUORUM} }};', False),
        (f'forbid(principal, action, resource == Firm::"a") unless {{ {QUORUM} }};', False),
        (f"permit(principal, action, resource) unless {{ {QUORUM} }};", False),
    ],
)
def test_a_forbid_that_waits_for_a_quorum_whatever_else_is_the_case(rule: str, *, expected: bool) -> None:
    assert always_waits_for_a_quorum(parsed(rule)) == expected

"""Reads from the rules' conditions the context attributes that they use, the numbers they compare them with, and their quorums.

An attribute that no rule reads cannot change the outcome, so only those read are passed, and amounts between the same two
thresholds are treated as one (`streams.rules.policy.cedar.asking`). An expression of any form not listed below counts as
reading the whole context. Source: Cedar's JSON form of policies (docs.cedarpolicy.com/policies/json-format.html).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

CONTEXT: Final = {"Var": "context"}
QUORUMS: Final = {".": {"left": CONTEXT, "attr": "quorums"}}

_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_SET_TESTS: Final = frozenset({"contains", "containsAny", "containsAll"})

Thresholds = tuple[int, ...] | None
"""The numbers that an attribute is compared with, ascending; None when its exact value matters."""


def attributes_read(policies: Iterable[Mapping[str, Any]]) -> Mapping[str, Thresholds] | None:
    """Return each attribute of the context that the conditions of `policies` read. None: they read the context as a whole."""
    found: dict[str, set[int] | None] = {}
    for name, compared_with in _accesses([policy["conditions"] for policy in policies]):
        if name is None:
            return None
        before = found.get(name, set())
        found[name] = None if before is None or compared_with is None else before | {compared_with}
    return {name: None if numbers is None else tuple(sorted(numbers)) for name, numbers in sorted(found.items())}


def representative(number: int, thresholds: tuple[int, ...]) -> int:
    """Return a number that compares with each of `thresholds` as `number` does: the same one for all that do."""
    place = bisect_left(thresholds, number)
    if place < len(thresholds) and thresholds[place] == number:
        return number
    return thresholds[place - 1] + 1 if place > 0 else thresholds[0] - 1


def quorums_read(policy: Mapping[str, Any]) -> Iterator[str]:
    """Return the quorums that the policy's conditions test for, as they are written there."""
    for node in _nodes(policy["conditions"]):
        for operator in _SET_TESTS & node.keys():
            if node[operator]["left"] == QUORUMS:
                yield from _texts(node[operator]["right"])


def always_waits_for_a_quorum(policy: Mapping[str, Any]) -> bool:
    """Return True if a forbid holds unconditionally for everybody until some quorum is met."""
    whoever = policy["principal"]["op"] == "All" and policy["resource"]["op"] in ("All", "is")
    conditions = policy["conditions"]
    whatever = [each["kind"] for each in conditions] == ["unless"]
    return bool(policy["effect"] == "forbid" and whoever and whatever and _holds_only_with_a_quorum(conditions[0]["body"]))


def _holds_only_with_a_quorum(expression: Mapping[str, Any]) -> bool:
    match expression:
        case {"&&": {"left": left, "right": right}}:
            return _holds_only_with_a_quorum(left) or _holds_only_with_a_quorum(right)
        case {"||": {"left": left, "right": right}}:
            return _holds_only_with_a_quorum(left) and _holds_only_with_a_quorum(right)
        case {"contains": {"left": left, "right": {"Value": str()}}}:
            return bool(left == QUORUMS)
        case _:
            return False


def _accesses(tree: Any) -> Iterator[tuple[str | None, int | None]]:
    """Yield each access to the context: the attribute, if it is one, and the number, if it is only compared with one."""
    match tree:
        case list():
            for each in tree:
                yield from _accesses(each)
        case {"Var": "context"}:
            yield None, None
        case {".": {"left": {"Var": "context"}, "attr": str(name)}} | {"has": {"left": {"Var": "context"}, "attr": str(name)}}:
            yield name, None
        case dict():
            for key, below in tree.items():
                compared = _compared(below) if key in _COMPARISONS else None
                yield from _accesses(below) if compared is None else (compared,)


def _compared(sides: Any) -> tuple[str, int] | None:
    """Return the attribute and the number of a comparison of just these two."""
    match sides:
        case {"left": {".": {"left": {"Var": "context"}, "attr": str(name)}}, "right": {"Value": number}}:
            return (name, number) if type(number) is int else None
        case {"left": {"Value": number}, "right": {".": {"left": {"Var": "context"}, "attr": str(name)}}}:
            return (name, number) if type(number) is int else None
        case _:
            return None


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(below)


def _texts(tree: Any) -> Iterator[str]:
    for node in _nodes(tree):
        if isinstance(node.get("Value"), str):
            yield node["Value"]

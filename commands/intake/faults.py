"""Describes invalid fields to people, from the errors of pydantic and the framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from commands.answers import FieldFault

FAULTS_MAX: Final = 20
"""Faults shown of one request."""
UNIONS: Final = frozenset({"action", "authorization", "change"})
"""Fields of several kinds: the kind that was chosen is no field."""
BODY: Final = "body"

_WORDS: Final = MappingProxyType(
    {
        "missing": "is missing",
        "extra_forbidden": "is not known here; remove it",
    }
)
_PLACES: Final = ("header", "path", "query", "cookie")


def faults_of(errors: Iterable[Mapping[str, Any]]) -> Iterable[FieldFault]:
    """The first `FAULTS_MAX` faults. `loc` may begin with the framework's name for a part of the request."""
    for error, _ in zip(errors, range(FAULTS_MAX), strict=False):
        # pydantic's own words, without the prefix that only says that a check of ours spoke.
        message = _WORDS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
        yield FieldFault(field=_field([str(part) for part in error["loc"]]), message=message)


def _field(place: list[str]) -> str:
    if place and place[0] in _PLACES:
        return " ".join((place[0], ".".join(place[1:])))
    inside = place[1:] if place[:1] == [BODY] else place
    shown = [part for at, part in enumerate(inside) if at == 0 or inside[at - 1] not in UNIONS or part.isdigit()]
    return ".".join(shown) or BODY

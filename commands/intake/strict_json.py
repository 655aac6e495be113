"""JSON that has one meaning (RFC 8259, with I-JSON's rules of RFC 7493): what another reader could read otherwise is refused.

Refused are names that stand twice, numbers with a fraction or exponent (money is never a float), NaN and infinities, lone
surrogates, control characters, and nesting beyond a bound. Every fault is named with the place where it stands.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from commands.answers import FieldFault
from commands.intake.faults import BODY, FAULTS_MAX

DEPTH_MAX: Final = 16
INTEGER_DIGITS_MAX: Final = 78

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class NotStrictJson(ValueError):
    """The bytes are ambiguous; `faults` gives the fields and the reasons."""

    def __init__(self, faults: list[FieldFault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class _Forbidden:
    """Replaces a value that was refused while reading, until its path is known."""

    message: str


@dataclass(frozen=True, slots=True)
class _Repeating:
    """An object in which a name stands twice."""

    members: dict[str, Any]
    names: tuple[str, ...]


def parse(content: bytes) -> Any:
    """The value of `content`.

    Raises:
        NotStrictJson: it has no one meaning, or none.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_float=_float,
            parse_constant=lambda name: _Forbidden(f"{name} is not a number; write what is meant"),
            parse_int=_integer,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise NotStrictJson([FieldFault(field=BODY, message=f"is not UTF-8 at byte {error.start}")]) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotStrictJson([FieldFault(field=BODY, message=f"is not JSON: {error.msg}, at {where}")]) from None
    except RecursionError:
        raise NotStrictJson([_too_deep(BODY)]) from None
    faults = _first(_faults(value, "", 0))
    if faults:
        raise NotStrictJson(faults)
    return value


def _float(text: str) -> _Forbidden:
    return _Forbidden(f'{text[:40]} is a floating-point number; write amounts as strings, such as "1000000.50", or as integers')


def _integer(text: str) -> int | _Forbidden:
    digits = len(text.removeprefix("-"))
    if digits > INTEGER_DIGITS_MAX:
        return _Forbidden(f"has {digits} digits; at most {INTEGER_DIGITS_MAX} make sense")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Repeating:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    names = Counter(name for name, _ in pairs)
    twice = tuple(name for name, times in names.items() if times > 1)
    return _Repeating(members, twice)


def _faults(value: Any, place: str, depth: int) -> Iterator[FieldFault]:
    where = place or BODY
    match value:
        case _Forbidden(message):
            yield FieldFault(field=where, message=message)
        case str() if _CONTROL.search(value):
            yield FieldFault(field=where, message="holds a control character or half of a surrogate pair; remove it")
        case _Repeating(members, names):
            for name in names:
                yield FieldFault(field=_inside(place, name), message="stands twice; say it once")
            yield from _faults_within(members.items(), place, depth)
        case dict():
            yield from _faults_within(value.items(), place, depth)
        case list():
            yield from _faults_within(enumerate(value), place, depth)


def _faults_within(members: Iterable[tuple[str | int, Any]], place: str, depth: int) -> Iterator[FieldFault]:
    if depth >= DEPTH_MAX:
        yield _too_deep(place or BODY)
        return
    for name, member in members:
        if isinstance(name, str) and _CONTROL.search(name):
            yield FieldFault(field=place or BODY, message="holds a name with a control character; remove it")
        yield from _faults(member, _inside(place, str(name)), depth + 1)


def _first(faults: Iterator[FieldFault]) -> list[FieldFault]:
    return [fault for fault, _ in zip(faults, range(FAULTS_MAX), strict=False)]


def _too_deep(where: str) -> FieldFault:
    return FieldFault(field=where, message=f"is nested more than {DEPTH_MAX} deep")


def _inside(place: str, name: str) -> str:
    shown = name.encode("ascii", "backslashreplace").decode()[:60]
    return f"{place}.{shown}" if place else shown

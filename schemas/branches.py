"""What differs between a record's JSON form and its Avro form: which branch of a union a value is.

Where one of several records may stand, JSON has the record with its `kind`, and Avro a record with an optional field per kind
(`schemas.avro`): a value is put under its kind before it is written, and taken out again after it was read. Before writing,
a record beside null is named, too: an encoder that is not told tries every branch and checks all fields of each that could
fit. Left out: unions of nothing but null and a primitive, where finding out costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from schemas.avro import CHOICE

Translation = Callable[[Any], Any]
"""Takes a value in one form and returns it in the other; changes it in place where it can."""

DISCRIMINATOR: Final = "kind"


class NotOne(ValueError):
    """Not exactly one of several kinds is there: two readers could disagree about what the record is."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(f"exactly one kind must be there, not {', '.join(found) or 'none that this version knows'}")


def to_avro(schema: Any) -> Translation | None:
    """What turns values from JSON's form into that of `schema`, as `schemas.avro` makes it; None where they are the same."""
    return _Walk(_put_under_kind, _name).of(schema)


def to_json(schema: Any) -> Translation | None:
    """What turns values as they were read with `schema` into JSON's form; None where they are the same."""
    return _Walk(_take_out, _leave).of(schema)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A record that has been met: its full name, and what translates the values of its fields."""

    name: str
    inner: Translation | None


_Choose = Callable[[dict[str, "_Branch"]], Translation]
_Optional = Callable[["_Branch"], "Translation | None"]


def _put_under_kind(branches: dict[str, _Branch]) -> Translation:
    chosen = {kind: _name(branch) for kind, branch in branches.items()}

    def put(value: dict[str, Any]) -> dict[str, Any]:
        kind = value[DISCRIMINATOR]
        return {kind: chosen[kind](value)}

    return put


def _take_out(branches: dict[str, _Branch]) -> Translation:
    inners = {kind: branch.inner for kind, branch in branches.items()}

    def take(value: dict[str, Any]) -> Any:
        found = [kind for kind, held in value.items() if held is not None]
        if len(found) != 1:
            raise NotOne(found)
        inner, held = inners[found[0]], value[found[0]]
        return held if inner is None else inner(held)

    return take


def _name(branch: _Branch) -> Translation:
    """The value with its branch's name: what the encoder takes for it without looking further."""
    name, inner = branch.name, branch.inner
    if inner is None:
        return lambda value: None if value is None else (name, value)
    return lambda value: None if value is None else (name, inner(value))


def _leave(branch: _Branch) -> Translation | None:
    inner = branch.inner
    return None if inner is None else lambda value: None if value is None else inner(value)


class _Walk:
    """One walk through a schema: a named type is written out where it first occurs and named after that."""

    def __init__(self, choose: _Choose, optional: _Optional) -> None:
        self._choose = choose
        self._optional = optional
        self._met: dict[str, _Branch] = {}

    def of(self, schema: Any) -> Translation | None:
        if isinstance(schema, list):
            found = [branch for each in schema if (branch := self._branch(each)) is not None]
            return self._optional(found[0]) if found else None
        if isinstance(schema, dict) and schema.get(CHOICE):
            return self._choose({field["name"]: self._chosen(field["type"]) for field in schema["fields"]})
        if (branch := self._branch(schema)) is not None:
            return branch.inner
        if isinstance(schema, dict) and schema["type"] == "array":
            inner = self.of(schema["items"])
            return None if inner is None else lambda values: [inner(value) for value in values]
        return None

    def _chosen(self, optional: list[Any]) -> _Branch:
        branch = self._branch(optional[1])
        assert branch is not None  # noqa: S101 - narrows: `schemas.avro` writes a choice of records only
        return branch

    def _branch(self, schema: Any) -> _Branch | None:
        """The record that a schema is, or names; else None."""
        if isinstance(schema, str):
            return self._met.get(schema)
        if not isinstance(schema, dict) or schema["type"] != "record":
            return None
        name = f"{schema['namespace']}.{schema['name']}"
        inner = self.of(schema) if schema.get(CHOICE) else self._fields(schema["fields"])
        self._met[name] = _Branch(name, inner)
        return self._met[name]

    def _fields(self, fields: list[dict[str, Any]]) -> Translation | None:
        found = [(field["name"], self.of(field["type"])) for field in fields]
        translated = [(name, inner) for name, inner in found if inner is not None]
        if not translated:
            return None

        def translate(value: Any) -> Any:
            for name, inner in translated:
                value[name] = inner(value[name])
            return value

        return translate

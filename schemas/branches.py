"""Which branch of a union a value is, said before it is written (Avro 1.12 specification, "Unions").

An encoder that is not told tries every branch and checks all fields of each that could fit, at a third of the cost of writing
an event. Ours is always known: records of one union differ in their `kind`, and a record beside null is one if it is there.
Left out: unions of nothing but null and a primitive, where finding out costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Naming = Callable[[Any], Any]
"""Takes a value in its JSON form, names the branches in it, in place where it can, and returns it."""

DISCRIMINATOR: Final = "kind"


def naming(schema: Any) -> Naming | None:
    """What names the branches in values of an Avro schema as `schemas.avro` makes it; None where there is nothing to name."""
    return _Walk().of(schema)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A record that has been met: its full name, its `kind` if it has one, and what names the branches inside it."""

    name: str
    kind: str | None
    inner: Naming | None

    def chosen(self, value: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The value as this branch: what the encoder takes for it without looking further."""
        return self.name, value if self.inner is None else self.inner(value)


class _Walk:
    """One walk through a schema: a named type is written out where it first occurs and named after that."""

    def __init__(self) -> None:
        self._met: dict[str, _Branch] = {}

    def of(self, schema: Any) -> Naming | None:
        if isinstance(schema, list):
            return self._union(schema)
        if (branch := self._branch(schema)) is not None:
            return branch.inner
        if isinstance(schema, dict) and schema["type"] == "array":
            inner = self.of(schema["items"])
            return None if inner is None else lambda values: [inner(value) for value in values]
        return None

    def _branch(self, schema: Any) -> _Branch | None:
        """The record that a schema is, or names; else None."""
        if isinstance(schema, str):
            return self._met.get(schema)
        if not isinstance(schema, dict) or schema["type"] != "record":
            return None
        name = f"{schema['namespace']}.{schema['name']}"
        self._met[name] = _Branch(name, _kind(schema), self._fields(schema["fields"]))
        return self._met[name]

    def _fields(self, fields: list[dict[str, Any]]) -> Naming | None:
        found = [(field["name"], self.of(field["type"])) for field in fields]
        named = [(name, inner) for name, inner in found if inner is not None]
        if not named:
            return None

        def name_in(value: Any) -> Any:
            for name, inner in named:
                value[name] = inner(value[name])
            return value

        return name_in

    def _union(self, schemas: list[Any]) -> Naming | None:
        branches = [branch for each in schemas if (branch := self._branch(each)) is not None]
        if not branches:
            return None
        if len(branches) == 1:
            only = branches[0].chosen
            return lambda value: None if value is None else only(value)
        by_kind = {branch.kind: branch.chosen for branch in branches}
        return lambda value: None if value is None else by_kind[value[DISCRIMINATOR]](value)


def _kind(schema: dict[str, Any]) -> str | None:
    """The one symbol of a record's `kind`."""
    symbols = [field["type"]["symbols"] for field in schema["fields"] if field["name"] == DISCRIMINATOR and _is_tag(field)]
    return str(symbols[0][0]) if symbols else None


def _is_tag(field: dict[str, Any]) -> bool:
    return isinstance(field["type"], dict) and field["type"].get("type") == "enum"

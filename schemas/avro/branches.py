"""Takes the one record out of a choice of several, as it was read from Avro: what is left is the record's JSON form.

Where one of several records may stand, JSON has the record with its `kind`, and Avro a record with an optional field per kind
(docs/adr/0008). Exactly one must be there: none is a kind that this version does not know, and of two each
reader could take another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.avro.declaration import CHOICE

Translation = Callable[[Any], Any]
"""Takes a value as it was read and returns its JSON form; changes it in place where it can."""


class NotOne(ValueError):
    """Not exactly one of several kinds is there: two readers could disagree about what the record is."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(f"exactly one kind must be there, not {', '.join(found) or 'none that this version knows'}")


def to_json(schema: Any) -> Translation | None:
    """What turns values as they were read with `schema` into JSON's form; None where they are the same."""
    return _Walk().of(schema)


class _Walk:
    """One walk through a schema: a named type is written out where it first occurs and named after that."""

    def __init__(self) -> None:
        self._met: dict[str, Translation | None] = {}

    def of(self, schema: Any) -> Translation | None:
        if isinstance(schema, str):
            return self._met.get(schema)
        if isinstance(schema, list):
            return _beside_null(next((found for each in schema if (found := self.of(each)) is not None), None))
        if schema["type"] == "array":
            inner = self.of(schema["items"])
            return None if inner is None else lambda values: [inner(value) for value in values]
        if schema["type"] != "record":
            return None
        fields = {field["name"]: self.of(field["type"]) for field in schema["fields"]}
        translation = _take_out(fields) if schema.get(CHOICE) else _within(fields)
        self._met[f"{schema['namespace']}.{schema['name']}"] = translation
        return translation


def _beside_null(inner: Translation | None) -> Translation | None:
    return None if inner is None else lambda value: None if value is None else inner(value)


def _take_out(kinds: dict[str, Translation | None]) -> Translation:
    def take(value: dict[str, Any]) -> Any:
        found = [kind for kind, held in value.items() if held is not None]
        if len(found) != 1:
            raise NotOne(found)
        inner, held = kinds[found[0]], value[found[0]]
        return held if inner is None else inner(held)

    return take


def _within(fields: dict[str, Translation | None]) -> Translation | None:
    translated = [(name, inner) for name, inner in fields.items() if inner is not None]
    if not translated:
        return None

    def translate(value: dict[str, Any]) -> Any:
        for name, inner in translated:
            value[name] = inner(value[name])
        return value

    return translate

"""Avro schemas from the pydantic models (Avro 1.12 specification, "Schema Declaration").

The models' JSON Schema says each field's form outside Python; this maps it to Avro and nothing else. A record's JSON form
is therefore its Avro form, but for one thing: where a field holds one of several records (told apart by `kind`), Avro gets
a record with an optional field per kind, of which exactly one is there (docs/adr/0008). An Avro union could never grow without
breaking older readers; neither could an enum, so a list of values is a string. The `kind` itself is an enum of one symbol.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.values import Record

NAMESPACE: Final = "proofdesk"
CHOICE: Final = "choice"
"""The attribute that marks a record as one of several: exactly one of its fields is not null."""

_PRIMITIVES: Final = {"string": "string", "integer": "long", "boolean": "boolean", "null": "null"}


class UnmappedType(TypeError):
    """A model holds something that has no Avro form here (a float, a free dictionary)."""


def schema_of(record: type[Record]) -> dict[str, Any]:
    """The Avro schema of a model, deterministic, with its docstrings as documentation.

    Raises:
        UnmappedType: a field has no Avro form.
    """
    root = record.model_json_schema(mode="serialization", ref_template="{model}")
    return _Translation(root.get("$defs", {})).record(record.__name__, root)


class _Translation:
    """One schema's translation: a named type is written out where it first occurs and named after that."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._written: set[str] = set()

    def record(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        self._written.add(name)
        avro: dict[str, Any] = {"type": "record", "name": name, "namespace": NAMESPACE}
        if "description" in schema:
            avro["doc"] = " ".join(schema["description"].split())
        avro["fields"] = [self._field(name, field, s) for field, s in schema["properties"].items()]
        return avro

    def _field(self, owner: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        avro: dict[str, Any] = {"name": name, "type": self._type(owner, name, schema)}
        if "description" in schema:
            avro["doc"] = " ".join(schema["description"].split())
        if "default" in schema:
            avro["default"] = schema["default"]
        return avro

    def _type(self, owner: str, field: str, schema: dict[str, Any]) -> Any:
        if "avro" in schema:
            return schema["avro"]
        if "$ref" in schema:
            return self._named(schema["$ref"])
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self._union(owner, field, schema[union])
        if "const" in schema:
            return self._tag(owner, field, schema["const"])
        match schema.get("type"):
            case "array":
                return {"type": "array", "items": self._type(owner, field, schema["items"])}
            case str(kind) if kind in _PRIMITIVES:
                return _PRIMITIVES[kind]
        message = f"{owner}.{field} has no Avro form: {schema}"
        raise UnmappedType(message)

    def _union(self, owner: str, field: str, members: list[dict[str, Any]]) -> Any:
        records = [member for member in members if "$ref" in member]
        if len(records) < 2:  # noqa: PLR2004 - one record beside null is no choice
            return sorted((self._type(owner, field, member) for member in members), key=lambda branch: branch != "null")
        choice = self._choice(f"{owner}{field.title().replace('_', '')}", [member["$ref"] for member in records])
        return choice if len(records) == len(members) else ["null", choice]

    def _choice(self, name: str, records: list[str]) -> dict[str, Any]:
        kinds = [(self._definitions[record]["properties"]["kind"]["const"], record) for record in records]
        fields = [{"name": kind, "type": ["null", self._named(record)], "default": None} for kind, record in kinds]
        doc = "Exactly one of these is there."
        return {"type": "record", "name": name, "namespace": NAMESPACE, "doc": doc, CHOICE: True, "fields": fields}

    def _named(self, name: str) -> Any:
        if name in self._written:
            return f"{NAMESPACE}.{name}"
        return self.record(name, self._definitions[name])

    def _tag(self, owner: str, field: str, value: str) -> Any:
        return {"type": "enum", "name": f"{owner}{field.title().replace('_', '')}", "symbols": [value]}

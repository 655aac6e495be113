"""Writes docs/http.md from the gateway's OpenAPI: every route with its parameters, body and answers, and every form they have.

`python -m commands.gateway.document` writes the page; `--check` compares it, which `make lint` does. Leaves out the dashboard's
pages, which are for people, and what a command leads to: see docs/events.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from commands.gateway.composition import undeployed

PAGE: Final = Path(__file__).parents[2] / "docs" / "http.md"
FORMS: Final = "#/components/schemas/"
FRAMEWORKS_OWN: Final = frozenset({"HTTPValidationError", "ValidationError"})
"""Described by the framework, and never answered: a problem is."""
BOUNDS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} long",
    "maxLength": "at most {} long",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "pattern": "`{}`",
}
INTRODUCTION: Final = """# HTTP

Written from the code by `python -m commands.gateway.document`; do not edit. `make lint` checks that it is up to date.
The running gateway serves the same as OpenAPI 3.1 at `/openapi.json`.

- A command is signed by its sender and needs the headers below. Sending the same again is safe.
- Every problem is `application/problem+json` (RFC 9457) in the form [Problem](#problem): the check that refused, and what would
  change the outcome.
- Amounts are text in plain digits, instants microseconds since the Unix epoch.
"""

Json = dict[str, Any]


def page(api: Json) -> str:
    """The whole page, from an OpenAPI document."""
    operations = [(path, method, each) for path, methods in api["paths"].items() for method, each in methods.items()]
    lines = [INTRODUCTION, *_headers(operations)]
    for tag in dict.fromkeys(each["tags"][0] for _, _, each in operations):
        lines.append(f"## {tag.capitalize()}\n")
        for path, method, operation in operations:
            if operation["tags"][0] == tag:
                lines += _operation(path, method, operation)
    lines.append("## Forms\n")
    for name, form in sorted(api["components"]["schemas"].items(), key=lambda each: _named(each[0])):
        if name not in FRAMEWORKS_OWN:
            lines += _form(name, form)
    return "\n".join(lines)


def _headers(operations: list[tuple[str, str, Json]]) -> Iterator[str]:
    found = {p["name"]: p for _, _, each in operations for p in each.get("parameters", ()) if p["in"] == "header"}
    yield "## Headers of commands\n"
    yield from _parameters(list(found.values()))
    yield ""


def _operation(path: str, method: str, operation: Json) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    yield f"{operation['summary']}. {' '.join(operation.get('description', '').split())}".strip()
    yield ""
    parameters = operation.get("parameters", [])
    if any(each["in"] == "header" for each in parameters):
        yield "Needs the [headers of commands](#headers-of-commands).\n"
    own = [each for each in parameters if each["in"] != "header"]
    if own:
        yield from _parameters(own)
        yield ""
    body = operation.get("requestBody")
    if body:
        yield f"Body: {_content(body)}.\n"
    yield "| status | means | form |"
    yield "| --- | --- | --- |"
    for status, response in sorted(operation["responses"].items()):
        meaning = response["description"].replace("Successful Response", "Done.").replace("Validation Error", "Malformed.")
        yield f"| {status} | {_cell(meaning)} | {_content(response)} |"
    yield ""


def _parameters(parameters: list[Json]) -> Iterator[str]:
    yield "| parameter | in | type | meaning |"
    yield "| --- | --- | --- | --- |"
    for each in parameters:
        needed = "" if each["required"] else "; may be absent"
        yield f"| `{each['name']}` | {each['in']} | {_type(each['schema'])}{needed} | {_cell(each.get('description', ''))} |"


def _content(carrier: Json) -> str:
    """The form of a body or an answer."""
    shown = []
    for media, content in carrier.get("content", {}).items():
        form = _type(content.get("schema", {}))
        validation = any(f"[{name}]" in form for name in FRAMEWORKS_OWN)
        shown.append("[Problem](#problem)" if validation else form or media)
    return ", ".join(dict.fromkeys(shown))


def _form(name: str, form: Json) -> Iterator[str]:
    yield f"### {_named(name)}"
    yield " ".join(form.get("description", "").split())
    yield ""
    properties = form.get("properties")
    if not properties:
        return
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    required = {*form.get("required", ()), "kind"}
    for field, schema in properties.items():
        optional = "" if field in required else "; may be absent"
        yield f"| `{field}` | {_type(schema)}{optional} | {_cell(schema.get('description', ''))} |"
    yield ""


def _type(schema: Json) -> str:
    """Describe a JSON Schema in words, with links; empty if it accepts anything."""
    if "$ref" in schema:
        name = _named(schema["$ref"].removeprefix(FORMS))
        return f"[{name}](#{re.sub(r'[^a-z0-9-]', '', name.lower().replace(' ', '-'))})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" if each else "empty" for each in schema["enum"])
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return ", ".join(dict.fromkeys(_type(each) for each in choices if each.get("type") != "null"))
    if schema.get("type") == "array":
        return " ".join(filter(None, (f"list of {_type(schema['items'])}", _bounds(schema))))
    return " ".join(filter(None, (schema.get("type", ""), _bounds(schema))))


def _bounds(schema: Json) -> str:
    return " ".join(words.format(_cell(str(schema[bound]))) for bound, words in BOUNDS.items() if bound in schema)


def _named(form: str) -> str:
    """A form's name for people. Where two modules have one of the same name, OpenAPI's holds the module."""
    module, _, name = form.rpartition("__")
    name = name.removesuffix("-Output").removesuffix("-Input")
    return f"{name} ({module.replace('__', '.')})" if module else name


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is up to date; exit status 1 if it is not."""
    wanted = page(undeployed().openapi())
    if "--check" not in arguments:
        PAGE.write_text(wanted, "utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text("utf-8") != wanted:
        sys.stderr.write("docs/http.md differs from the code; run `python -m commands.gateway.document`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

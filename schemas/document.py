"""Writes docs/events.md from the code: every topic, and the fields of its records with types, units and meanings.

Meanings are the docstrings of classes and attributes. Types are the annotations as the source spells them, since those carry
the units. `python -m schemas.document` writes the page; `--check` compares it, which `make lint` does. Pure but for `main`.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

from schemas import commands, firm, firm_commands, keys, orders, sessions, topics, values
from schemas.docstrings import field_docs
from schemas.events import answers, base, facts, governance, lifecycle, limits, observations
from schemas.events import keys as key_events
from schemas.values import Record

PAGE: Final = Path(__file__).parents[1] / "docs" / "events.md"
MODULES: Final = (
    values,
    orders,
    commands,
    firm,
    keys,
    firm_commands,
    sessions,
    base,
    facts,
    lifecycle,
    limits,
    answers,
    governance,
    key_events,
    observations,
)
"""Where records and the names of values are defined."""
PRIMITIVES: Final = {"str": "text", "int": "integer", "bool": "true or false", "Decimal": "decimal"}
BOUNDS: Final = {
    "ge": "≥ {}",
    "gt": "> {}",
    "le": "≤ {}",
    "lt": "< {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "`{}`",
}
INTRODUCTION: Final = """# Topics and events

Written from the code by `python -m schemas.document`; do not edit. `make lint` checks that it is up to date.

- Values are Avro in the Confluent wire format: a zero byte, a schema id of four bytes, the record. Ids come from
  `schemas/catalogue`; the gateway serves the schemas at `/registry`.
- An integer or decimal that has a pattern is text, such as "1000000.5": no amount is ever a float.
- All keys use the partitioner `murmur2_random`. Retention is for ever unless stated.
- Only the named principals may write a topic; the broker's access lists hold that.
- Where a type is a choice of records, Avro has a record with one optional field per kind, of which exactly one is set; JSON
  has the record with its `kind`.
"""
DIGITS_SHOWN_MAX: Final = 10**12
COMMON: Final = (base.Event, base.DeskEvent, base.OrderEvent, base.FirmEvent)
"""Their fields are listed once."""


def page() -> str:
    """The whole page."""
    nested = ("## Records inside events\n", *_nested(), "## Values\n", _value_table())
    sections = (INTRODUCTION, *_topics(), "## Fields of every event\n", *_common(), *nested)
    return "\n".join(sections)


def _topics() -> Iterator[str]:
    every = list(topics.TOPICS.values())
    rows = [f"| [{t.name}](#{t.name}) | {t.key} | {', '.join(t.writers)} |" for t in every if t.record]
    yield "\n".join(["## All topics\n", "| topic | key | written by |", "| --- | --- | --- |", *rows, ""])
    snapshots = ", ".join(f"`{topic.name}`" for topic in every if topic.record is None)
    yield f"Engines keep snapshots of their state, in bytes of their own, on compacted topics: {snapshots}.\n"
    yield "## Topics one by one\n"
    for topic in every:
        if topic.record is not None:
            yield _topic(topic, topic.record)


def _topic(topic: topics.Topic, record: type[Record]) -> str:
    kept = f"{topic.retention_hours} h" if topic.retention_hours else "for ever"
    facts_of = (
        f"Record `{record.__name__}` (`{record.__module__}`). Key `{topic.key}`, {topic.partitions} "
        f"partition{'s' * (topic.partitions > 1)}, kept {kept}, written by {', '.join(topic.writers)}."
    )
    return "\n".join([f"### {topic.name}", _meaning(record), "", facts_of, "", *_fields(record), ""])


def _common() -> Iterator[str]:
    for record in COMMON:
        yield "\n".join([f"### {record.__name__}", _meaning(record), "", *_fields(record), ""])


def _nested() -> Iterator[str]:
    on_topics = {topic.record for topic in topics.TOPICS.values()}
    for record in sorted(_reached()[1] - on_topics, key=lambda each: each.__name__):
        yield "\n".join([f"### {record.__name__}", _meaning(record), "", *_fields(record), ""])


def _fields(record: type[Record]) -> Iterator[str]:
    """A table of its own fields, after a link to those that it has as an event of its kind."""
    inherited = next((each for each in record.__mro__[1:] if each in COMMON), None)
    own = [name for name in record.model_fields if inherited is None or name not in inherited.model_fields]
    if inherited is not None:
        yield f"Has the fields of [{inherited.__name__}](#{inherited.__name__.lower()}){', and' if own else '.'}\n"
    if not own:
        return
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    for name in own:
        field = record.model_fields[name]
        optional = "" if field.is_required() or name == "kind" else "; may be absent"
        yield f"| `{name}` | {_shown(*_annotation(record, name))}{optional} | {_cell(field_docs(record).get(name, ''))} |"


def _meaning(record: type[Record]) -> str:
    return " ".join((inspect.getdoc(record) or "").split())


def _annotation(record: type[Record], name: str) -> tuple[ast.expr, ModuleType]:
    """A field's type as the source spells it, and the module that it is spelled in."""
    owner = next(each for each in record.__mro__ if name in inspect.get_annotations(each))
    return ast.parse(inspect.get_annotations(owner)[name], mode="eval").body, sys.modules[owner.__module__]


def _shown(spelled: ast.expr, module: ModuleType) -> str:
    """A type in words, with links."""
    match spelled:
        case ast.Constant(value=None):
            return "none"
        case ast.Name(id=name):
            return PRIMITIVES.get(name) or f"[{name}](#{_anchor(module, name)})"
        case ast.BinOp():
            return ", ".join(_shown(each, module) for each in _alternatives(spelled) if not _is_none(each))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=options):
            listed = options.elts if isinstance(options, ast.Tuple) else [options]
            return ", ".join(f"`{ast.literal_eval(each)}`" if ast.literal_eval(each) else "empty" for each in listed)
        case ast.Subscript(value=ast.Name(id="list"), slice=element):
            return f"list of {_shown(element, module)}"
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *more])):
            return " ".join([_shown(inner, module), *_bounds(more, module)])
    raise TypeError(f"{module.__name__}: no words for the type {ast.unparse(spelled)}")


def _anchor(module: ModuleType, name: str) -> str:
    """Where a name stands on the page: a record under its topic or its own heading, any other in the table of values."""
    if not _is_record(module, name):
        return "values"
    topic = topics.TOPIC_OF.get(vars(module)[name])
    return name.lower() if topic is None else topic.name


def _alternatives(spelled: ast.expr) -> list[ast.expr]:
    if isinstance(spelled, ast.BinOp):
        return [*_alternatives(spelled.left), *_alternatives(spelled.right)]
    return [spelled]


def _is_none(spelled: ast.expr) -> bool:
    return isinstance(spelled, ast.Constant) and spelled.value is None


def _bounds(more: list[ast.expr], module: ModuleType) -> Iterator[str]:
    """What the other arguments of `Annotated` say for readers."""
    for each in more:
        if not isinstance(each, ast.Call) or not isinstance(each.func, ast.Name) or each.func.id not in {"Field", "_json"}:
            continue
        for keyword in each.keywords:
            if keyword.arg in BOUNDS:
                yield BOUNDS[keyword.arg].format(_cell(_constant(keyword.value, module)))


def _constant(spelled: ast.expr, module: ModuleType) -> str:
    """A bound of a type: a literal, the module's constant of this name, or an expression of them."""
    names = {each.id: vars(module)[each.id] for each in ast.walk(spelled) if isinstance(each, ast.Name)}
    value = eval(compile(ast.Expression(spelled), "", "eval"), {"__builtins__": {}}, names)  # noqa: S307 - our own source
    return _number(value) if isinstance(value, int | Decimal) else str(value)


def _number(value: int | Decimal) -> str:
    """Digits, or a power where there would be too many of them."""
    whole = int(value)
    sign, size = "-" * (whole < 0), abs(whole)
    if size <= DIGITS_SHOWN_MAX:
        return f"{whole:,}"
    if size & (size + 1) == 0:
        return f"{sign}(2^{size.bit_length()}-1)"
    return f"{sign}10^{len(str(size)) - 1}" if size == 10 ** (len(str(size)) - 1) else f"{whole:,}"


def _is_record(module: ModuleType, name: str) -> bool:
    found = vars(module).get(name)
    return isinstance(found, type) and issubclass(found, Record)


@cache
def _aliases() -> dict[str, tuple[ast.expr, str, ModuleType]]:
    """Names of values: how each is spelled, what its docstring says, where it stands."""
    found: dict[str, tuple[ast.expr, str, ModuleType]] = {}
    for module in MODULES:
        body = ast.parse(inspect.getsource(module)).body
        for statement, after in zip(body, [*body[1:], None], strict=True):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=spelled):
                    found.setdefault(name, (spelled, _docstring(after), module))
    return found


def _docstring(statement: ast.stmt | None) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return ""


@cache
def _reached() -> tuple[frozenset[str], frozenset[type[Record]]]:
    """The names of values, and the records, that stand in topics' records however deep."""
    names: set[str] = set()
    records: set[type[Record]] = set()
    waiting = [topic.record for topic in topics.TOPICS.values() if topic.record is not None]
    while waiting:
        record = waiting.pop()
        if record in records:
            continue
        records.add(record)
        for field in record.model_fields:
            spelled, module = _annotation(record, field)
            waiting += _records_in(spelled, module, names)
    return frozenset(names), frozenset(records)


def _records_in(spelled: ast.expr, module: ModuleType, names: set[str]) -> list[type[Record]]:
    found: list[type[Record]] = []
    for each in ast.walk(spelled):
        if not isinstance(each, ast.Name) or each.id in PRIMITIVES:
            continue
        if _is_record(module, each.id):
            found.append(vars(module)[each.id])
        elif each.id in _aliases() and each.id[0].isupper() and not each.id.isupper() and each.id not in names:
            names.add(each.id)
            inner, _, place = _aliases()[each.id]
            found += _records_in(inner, place, names)
    return found


def _value_table() -> str:
    rows = []
    for name in sorted(_reached()[0]):
        spelled, meaning, module = _aliases()[name]
        rows.append(f"| `{name}` | {_shown(spelled, module)} | {_cell(meaning)} |")
    return "\n".join(["| name | type | meaning |", "| --- | --- | --- |", *rows, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is up to date; exit status 1 if it is not."""
    wanted = page()
    if "--check" not in arguments:
        PAGE.write_text(wanted, "utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text("utf-8") != wanted:
        sys.stderr.write("docs/events.md differs from the code; run `python -m schemas.document`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

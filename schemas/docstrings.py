"""Reads the docstrings of a record's fields from its source, when a JSON Schema asks for them.

pydantic's `use_attribute_docstrings` reads the source of every model while its module is imported, which cost each of our
processes a tenth of a second; only schemas that people read need the texts. Same rule: a string below an annotated field
describes it, and a subclass takes over what its parents say.
Leaves out models without source, such as those of an interactive session: their fields have no description.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from pydantic import BaseModel

Docs = Mapping[str, str]


@cache
def field_docs(record_type: type[BaseModel]) -> Docs:
    """Descriptions by field name, those of parents included."""
    found: dict[str, str] = {}
    for each in reversed(record_type.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found |= _docs_of_module(each.__module__).get(each.__qualname__, {})
    return found


@cache
def _docs_of_module(name: str) -> Mapping[str, Docs]:
    """Of every class of one module, by qualified name."""
    try:
        source = inspect.getsource(sys.modules[name])
    except (KeyError, OSError, TypeError):
        return {}
    return dict(_classes(ast.parse(source), ""))


def _classes(tree: ast.AST, prefix: str) -> Iterator[tuple[str, Docs]]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.ClassDef():
                yield prefix + node.name, _docs(node)
                yield from _classes(node, f"{prefix}{node.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _classes(node, f"{prefix}{node.name}.<locals>.")
            case _:
                yield from _classes(node, prefix)


def _docs(node: ast.ClassDef) -> Docs:
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in zip(node.body, node.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }

"""Finds module summaries that open with a noun clause (What, Whether, Which …), which has no main verb. Pure.

A summary is the first line of a module's docstring; it says what the module does: subject, verb, object. Leaves out docstrings
of classes and functions, and modules without a docstring, which ruff reports.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

FOLDERS: Final = ("schemas", "infra", "streams", "projections", "commands", "tests")
_NOUN_CLAUSE: Final = re.compile(r"(What|Whether|Which|Who|Whom|Whose|How|When|Where|Why)(ever)?\b", re.IGNORECASE)


def problems(texts: Mapping[str, str]) -> Iterator[str]:
    """Every summary that opens with a noun clause, a line each; `texts` by path."""
    for file, text in sorted(texts.items()):
        if not file.endswith(".py") or file.partition("/")[0] not in FOLDERS:
            continue
        summary = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        if found := _NOUN_CLAUSE.match(summary):
            yield f"{file}: the summary opens with {found[0]}; say what the module does, verb first"

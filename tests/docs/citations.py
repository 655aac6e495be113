"""Finds dead citations: links, paths, modules, rules, decision records and log lines that documents and code name. Pure.

Takes texts and the set of files that exist. A path with `<`, `{` or `…` in it is a placeholder and is not checked; one with `*`
must match something. Leaves out web addresses, and whether a cited place says what is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Final

ARCHITECTURE: Final = "docs/architecture.md"
MISSION: Final = "docs/mission.md"
CHANGELOG: Final = "CHANGELOG.md"
"""History: its entries may name what is gone since."""
FOLDERS: Final = ("schemas", "infra", "streams", "commands", "projections", "tests", "docs")
PUBLISHED: Final = frozenset(
    {("streams.signing.attestation", file) for file in ("schemas/keys.py", "docs/events.md", "docs/http.md")}
)
"""Gone, but part of a published schema's text: it is mended with that record's next version."""

_TOP = "|".join(FOLDERS)
_GAP = r"[\s#]+"
"""Between two words of a sentence that may go on in the next line, also of a comment."""
_NUMBERS = rf"((?:\d+(?:,{_GAP}|{_GAP}and{_GAP}|{_GAP}to{_GAP})?)+)"
_PLACEHOLDER = re.compile(r"[<>{}…$]|\.\.")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_PATH = re.compile(rf"(?<![\w./{{}}:-])((?:{_TOP})/(?!s\b)[\w./*@<>…{{}}$-]*)")
_MODULE = re.compile(rf"`[^`\n]*?(?<![\w./-])((?:{_TOP})(?:\.\w+)+)[^`\n]*`")
_RULES = re.compile(
    rf"architecture(?:\.md)?`?,?{_GAP}rules?{_GAP}{_NUMBERS}|rule{_GAP}(\d+){_GAP}of{_GAP}(?:docs/)?architecture"
)
_RECORDS = re.compile(rf"\bADRs?{_GAP}{_NUMBERS}")
_RECORD_FILE = re.compile(r"^docs/adr/(\d{4})(?!\d)")
_STEPS = re.compile(rf"mission,{_GAP}(?:lifecycle{_GAP})?step{_GAP}(\d+)")
_NUMBERED = re.compile(r"^(\d+)\. ", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LOG_TABLE = re.compile(r"^\| log line \|.*\n\|[ |-]*\n((?:\|.*\n)+)", re.MULTILINE)
_LOG_LINE = re.compile(r"^\| `([^`]+)`", re.MULTILINE)


@dataclass(frozen=True)
class Repository:
    """The texts of a repository by path, and every file that exists in it."""

    texts: Mapping[str, str]
    files: frozenset[str]

    @cached_property
    def paths(self) -> frozenset[str]:
        """Files, and the folders that hold them."""
        return self.files | {str(parent) for file in self.files for parent in PurePosixPath(file).parents}

    @cached_property
    def rules(self) -> frozenset[int]:
        """Numbers of the architecture's rules."""
        return self._numbered(ARCHITECTURE)

    @cached_property
    def steps(self) -> frozenset[int]:
        """Numbers of the steps of an order's lifecycle."""
        return self._numbered(MISSION)

    @cached_property
    def records(self) -> frozenset[int]:
        """Numbers of the decision records."""
        return frozenset(int(found[1]) for file in self.files if (found := _RECORD_FILE.match(file)))

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there, or a module whose ending is left out."""
        if "*" in path:
            return any(fnmatchcase(each, path) for each in self.paths)
        return path in self.paths or f"{path}.py" in self.files

    def names(self, module: str) -> bool:
        """Whether a dotted name is a module, or is defined or used in one: `schemas.canonical.proposal_digest`."""
        parts = module.split(".")
        for length in range(len(parts), 0, -1):
            place = "/".join(parts[:length])
            if place not in self.paths and f"{place}.py" not in self.files:
                continue
            text = self.texts.get(f"{place}.py", "") + self.texts.get(f"{place}/__init__.py", "")
            return all(re.search(rf"\b{re.escape(name)}\b", text) for name in parts[length:])
        return False

    def _numbered(self, file: str) -> frozenset[int]:
        return frozenset(int(each) for each in _NUMBERED.findall(self.texts.get(file, "")))


def problems(repository: Repository) -> Iterator[str]:
    """Every dead citation, a line each: where it stands, and what is not there."""
    for file, text in sorted(repository.texts.items()):
        if file == CHANGELOG:
            continue
        if file.endswith(".md"):
            yield from _dead_links(repository, file, text)
        for at, what in (*_dead_paths(repository, file, text), *_dead_numbers(repository, text)):
            yield f"{file}:{_line(text, at)}: {what}"
    yield from _dead_log_lines(repository)


def _dead_links(repository: Repository, file: str, text: str) -> Iterator[str]:
    for found in _LINK.finditer(_without_code(text)):
        target, _, anchor = found[1].partition("#")
        if ":" in target:
            continue
        path = normpath(str(PurePosixPath(file).parent / target)) if target else file
        if path not in repository.paths:
            yield f"{file}:{_line(text, found.start())}: the link {found[1]} leads nowhere"
        elif anchor and anchor not in _anchors(repository.texts.get(path, "")):
            yield f"{file}:{_line(text, found.start())}: {path} has no heading #{anchor}"


def _dead_paths(repository: Repository, file: str, text: str) -> Iterator[tuple[int, str]]:
    for found in _PATH.finditer(text):
        path = found[1].rstrip("./-")
        record = _RECORD_FILE.fullmatch(path)
        if _PLACEHOLDER.search(path) or (record and int(record[1]) in repository.records):
            continue
        if not repository.exists(path):
            yield found.start(), f"{path} does not exist"
    for found in _MODULE.finditer(text):
        known = (found[1], file) in PUBLISHED or _PLACEHOLDER.search(found[0])
        if not known and not repository.names(found[1]):
            yield found.start(), f"{found[1]} does not exist"


def _dead_numbers(repository: Repository, text: str) -> Iterator[tuple[int, str]]:
    for pattern, known, what in (
        (_RULES, repository.rules, f"{ARCHITECTURE} has no rule"),
        (_RECORDS, repository.records, "docs/adr has no record"),
        (_STEPS, repository.steps, f"{MISSION} has no step"),
    ):
        for found in pattern.finditer(text):
            cited = {int(each) for part in found.groups() if part for each in re.findall(r"\d+", part)}
            yield from ((found.start(), f"{what} {number}") for number in sorted(cited - known))


def _dead_log_lines(repository: Repository) -> Iterator[str]:
    code = "\n".join(text for file, text in repository.texts.items() if file.endswith(".py") and not file.startswith("tests/"))
    for file, text in repository.texts.items():
        for table in _LOG_TABLE.findall(text) if file.endswith(".md") else ():
            yield from (f"{file}: no process logs `{line}`" for line in _LOG_LINE.findall(table) if f'"{line}"' not in code)


def _without_code(text: str) -> str:
    """The text with fenced blocks blanked, so that places stay what they are."""
    return _FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)


def _anchors(text: str) -> set[str]:
    """What headings can be linked by, as GitHub makes it of their words."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(text)}


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1

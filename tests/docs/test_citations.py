"""Nothing in this repository cites what is not there; and a citation of every kind that is dead is found."""

from __future__ import annotations

import pytest

from tests.docs.__main__ import repository
from tests.docs.citations import Repository, problems

SOUND = {
    "README.md": "[rules](docs/architecture.md#the-rules) `streams/desk/decider.py` `streams.desk.decider.decide`",
    "docs/architecture.md": "# Architecture\n## The rules\n1. **One.**\n2. **Two.**\n",
    "docs/mission.md": "1. **Initiation.**\n",
    "docs/adr/0001-first.md": "# 1. First\n",
    "docs/operator.md": "| log line | do |\n| --- | --- |\n| `it fell over` | nothing |\n",
    "streams/desk/decider.py": '"""Decides (architecture, rules 1 and 2; mission, step 1; ADR 1)."""\n'
    'def decide(): log.error("it fell over")\n',
}


def found_in(**texts: str) -> list[str]:
    """The problems once one text was put in another's place; `_` in names stands for nothing but a folder or an ending."""
    changed = {
        **SOUND,
        **{name.replace("__", "/").replace("_md", ".md").replace("_py", ".py"): each for name, each in texts.items()},
    }
    return list(problems(Repository(changed, frozenset(changed))))


def test_no_citation_in_this_repository_is_dead() -> None:
    assert list(problems(repository())) == []


def test_a_sound_repository_has_no_problem() -> None:
    assert found_in() == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](gone.md)", "README.md:1: the link gone.md leads nowhere"),
        ("[a](docs/architecture.md#gone)", "README.md:1: docs/architecture.md has no heading #gone"),
        ("see docs/gone.md", "README.md:1: docs/gone.md does not exist"),
        ("\nsee streams/desk/gone.py.", "README.md:2: streams/desk/gone.py does not exist"),
        ("see docs/adr/0002", "README.md:1: docs/adr/0002 does not exist"),
        ("`streams.desk.gone`", "README.md:1: streams.desk.gone does not exist"),
        ("`streams.desk.decider.gone`", "README.md:1: streams.desk.decider.gone does not exist"),
        ("architecture, rules 1 to 3", "README.md:1: docs/architecture.md has no rule 3"),
        ("(docs/architecture.md,\n# rule 4)", "README.md:1: docs/architecture.md has no rule 4"),
        ("rule 5 of docs/architecture.md", "README.md:1: docs/architecture.md has no rule 5"),
        ("ADR 7", "README.md:1: docs/adr has no record 7"),
        ("mission, lifecycle step 9", "README.md:1: docs/mission.md has no step 9"),
    ],
)
def test_a_dead_citation_is_found(text: str, problem: str) -> None:
    assert found_in(README_md=text) == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/docs/gone.md",
        "streams/desk/<kind>.py",
        "docs/adr/0001",
        "`streams/*/decider.py`",
        "streams/desk/decider",
        "[a](https://example.org/x)",
        "```\n[a](gone.md)\n```",
        "[a](#here)\n# Here",
    ],
)
def test_what_can_be_found_or_is_a_placeholder_is_no_problem(text: str) -> None:
    assert found_in(README_md=text) == []


def test_a_log_line_that_no_process_logs_is_found() -> None:
    assert found_in(streams__desk__decider_py="def decide(): ...") == ["docs/operator.md: no process logs `it fell over`"]


def test_old_entries_of_the_changelog_may_name_what_is_gone() -> None:
    assert found_in(CHANGELOG_md="streams/desk/gone.py") == []

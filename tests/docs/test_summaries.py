"""Every module's summary says what the module does; a summary that opens with a noun clause is found."""

from __future__ import annotations

import pytest

from tests.docs.__main__ import repository
from tests.docs.summaries import problems


def test_no_summary_in_this_repository_opens_with_a_noun_clause() -> None:
    assert list(problems(repository().texts)) == []


@pytest.mark.parametrize("opening", ["What", "Whether", "Which", "Who", "Whose", "How", "When", "Where", "Whoever", "what"])
def test_a_summary_that_opens_with_a_noun_clause_is_found(opening: str) -> None:
    found = list(problems({"streams/desk/observer.py": f'"""{opening} an order is.\n\nMore."""\n'}))
    assert found == [f"streams/desk/observer.py: the summary opens with {opening}; say what the module does, verb first"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("streams/desk/observer.py", '"""Decides what an order is."""\n'),
        ("streams/desk/observer.py", '"""Whatsit orders."""\n'),
        ("streams/desk/observer.py", "x = 1\n"),
        ("streams/desk/observer.py", 'def f():\n    """What is wanted."""\n'),
        ("docs/SECURITY.md", "What it is.\n"),
        ("setup.py", '"""What stands beside the folders."""\n'),
    ],
)
def test_other_texts_are_no_problem(file: str, text: str) -> None:
    assert list(problems({file: text})) == []

"""The rules that the README shows to a risk officer can be put in force."""

from __future__ import annotations

import re
from pathlib import Path

from streams.rules import policy
from streams.rules.governance.genesis import access, activation
from streams.rules.policy import review, starter
from tests.world.firm import governance as firm

README = Path(policy.__path__[0]) / "README.md"


def test_the_rules_in_the_readme_can_be_added_to_the_starter_policy() -> None:
    examples = re.findall(r"```cedar\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    added = "".join(examples)
    assert added.count("@id(") == 4
    active = activation(firm.policy(starter.CEDAR + added))
    assert list(review.problems(active, tuple(access(firm.document())))) == []

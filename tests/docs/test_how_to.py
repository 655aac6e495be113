"""Each how-to lists the files that an addition touches: they exist, no file is forgotten, and there are few enough.

A page's list is compared with the code by a witness: an expression that stands in every file that knows one example of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from infra.local_cluster.runtime import ROOT

FOLDER: Final = ROOT / "docs" / "how-to"
PRODUCT: Final = ("schemas", "infra", "streams", "commands", "projections")
SCHEMA_AND_POLICY: Final = ("schemas/", "streams/rules/policy/")
ROW: Final = re.compile(r"^\| `([^`]+)` \| (.+) \|$")


@dataclass(frozen=True, slots=True)
class HowTo:
    """`most` product files may be touched, those below `uncounted` left out. `beside`: files with the witness by chance."""

    page: str
    most: int
    witness: str = ""
    uncounted: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def listed(self) -> list[str]:
        """The files of its table."""
        table = (FOLDER / self.page).read_text("utf-8").partition("\n## Files\n")[2].strip().splitlines()
        assert table[:2] == ["| file | what |", "| --- | --- |"], f"{self.page} has no table of files"
        rows = [ROW.match(line) for line in table[2:]]
        assert all(rows), f"{self.page}: not a row of a file and what is done there"
        return [row[1] for row in rows if row]

    @property
    def counted(self) -> list[str]:
        """Those that its bound is about."""
        return [file for file in self.listed if not file.startswith(self.uncounted)]


ORDER_KIND: Final = HowTo(
    "an-order-kind.md",
    most=3,
    witness=r"\bDeposit\b|\"deposit\"",
    uncounted=SCHEMA_AND_POLICY,
    beside=("streams/rules/actions/kinds/deposit.py", "infra/ethereum/trace.py", "infra/chain/world/plan.py"),
)
LIMIT_SCOPE: Final = HowTo("a-limit-scope.md", most=2, witness=r"\"destination\"", uncounted=SCHEMA_AND_POLICY)
CHAIN: Final = HowTo(
    "a-chain.md",
    most=3,
    witness=r"description\.node\b",
    beside=("infra/local_cluster/report.py", "infra/local_cluster/services.py", "streams/samples/institution.py"),
)
DETECTOR: Final = HowTo(
    "a-detector.md", most=1, witness=r"\bBreachedLimits\b", beside=("streams/rules/detectors/breached_limits.py",)
)
EVENT: Final = HowTo("an-event.md", most=5, witness=r"\bOrderHeld\b")
POLICY_RULE: Final = HowTo("a-policy-rule.md", most=0)
ALL: Final = (ORDER_KIND, LIMIT_SCOPE, CHAIN, DETECTOR, EVENT, POLICY_RULE)


def product_files() -> Iterator[Path]:
    for folder in PRODUCT:
        for ending in ("*.py", "*.cedar", "*.cedarschema"):
            yield from (ROOT / folder).rglob(ending)


def named(how_to: HowTo) -> str:
    return how_to.page


@pytest.mark.parametrize("how_to", ALL, ids=named)
def test_the_listed_files_exist_and_new_ones_have_a_folder(how_to: HowTo) -> None:
    for file in how_to.listed:
        place = ROOT / (file if "<" not in file else file.rpartition("/")[0])
        assert place.exists(), f"{how_to.page} lists {file}, which is not there"


@pytest.mark.parametrize("how_to", [each for each in ALL if each.witness], ids=named)
def test_no_file_that_knows_an_example_is_left_out(how_to: HowTo) -> None:
    knowing = {
        path.relative_to(ROOT).as_posix() for path in product_files() if re.search(how_to.witness, path.read_text("utf-8"))
    }
    assert knowing, f"{how_to.witness} stands nowhere: choose another witness"
    assert knowing - {*how_to.listed, *how_to.beside} == set()


@pytest.mark.parametrize("how_to", ALL, ids=named)
def test_an_addition_touches_few_files(how_to: HowTo) -> None:
    assert len(how_to.counted) <= how_to.most, how_to.counted


def test_every_page_is_checked_and_the_readme_says_which_bounds_hold() -> None:
    pages = {path.name for path in FOLDER.glob("*.md")} - {"README.md"}
    assert pages == {each.page for each in ALL}
    rows = dict(
        re.findall(r"\((.+?\.md)\) \| .*? \| (yes|not yet) \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    )
    assert rows == {each.page: "yes" for each in ALL}

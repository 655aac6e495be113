"""Checks that the peers' environments hold whatever the desk imports, before a benchmark spends ten minutes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.bench import ROOT
from tests.bench.desk.entrants import ENTRANTS

pytestmark = pytest.mark.slow

ENVIRONMENTS = [each.environment for each in ENTRANTS if each.environment is not None]
IMPORTED = "import json, sys, tests.bench.desk.peer; print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"
OPTIONAL = {"attrs", "rich", "pygments", "setuptools"}
"""Taken where they are there, by structlog for colours, by rich, and by the interpreter at its start."""


def needed() -> set[str]:
    """The distributions that the peers' common part imports, by canonical name."""
    told = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    by_package = packages_distributions()
    found = {name for package in json.loads(told) for name in by_package.get(package, ())}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found} - OPTIONAL - {"proofdesk"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_lock_holds_what_the_desk_imports(environment: str) -> None:
    lock = (ROOT / "tests" / "bench" / f"requirements-{environment}.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert needed() - pinned == set()


def test_locks_name_no_place_to_download_from() -> None:
    for environment in ENVIRONMENTS:
        lock = (ROOT / "tests" / "bench" / f"requirements-{environment}.lock").read_text()
        assert "://" not in lock
        assert "--hash=sha256:" in lock

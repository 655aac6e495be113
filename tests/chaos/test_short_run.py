"""A short chaos run on real Kafka and PostgreSQL: at least 20 faults, three brokers, three workers, load throughout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import chaos
from tests.chaos.findings import is_sound
from tests.chaos.run import Plan

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FAULTS_MIN = 20


@pytest.mark.timeout(600)
def test_nothing_lost_nothing_twice_no_limit_exceeded(tmp_path: Path) -> None:
    findings = chaos(tmp_path / "c", Plan(seed=20_261_121, seconds=45, faults_min=FAULTS_MIN))
    assert is_sound(findings), findings
    assert sum(findings["faults"].values()) >= FAULTS_MIN
    assert findings["events"] > findings["commands"]

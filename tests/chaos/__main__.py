"""`make chaos SEED=n MINUTES=m [ARGS=--signing]`: faults under load on a cluster of its own; the last line is JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from infra.local_cluster.local import Cluster
from infra.local_cluster.runtime import ROOT
from tests.chaos.faults import BROKERS, PROCESSES
from tests.chaos.findings import findings_of, is_sound
from tests.chaos.firm import found
from tests.chaos.run import Plan, run
from tests.chaos.signing import run as signing

FAULTS_A_MINUTE: Final = 10
FAULTS_MIN: Final = 20
SIGNING_FAULTS_MIN: Final = 5
"""Enough for a look; a cosigner that starts again takes seconds, so they come no faster than in a long run."""


def main() -> int:
    """Exit status 1 if anything was lost, doubled, exceeded, broken, or decided otherwise from the same log."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--keep", action="store_true", help="leave the cluster's folder, with its logs, to be looked at")
    parser.add_argument("--signing", action="store_true", help="the whole line signs; enclave, cosigners and tokens die")
    options = parser.parse_args()
    faults_min = SIGNING_FAULTS_MIN if options.signing else FAULTS_MIN
    plan = Plan(options.seed, options.minutes * 60, max(faults_min, round(options.minutes * FAULTS_A_MINUTE)))
    runtime = ROOT / ".runtime" / f"chaos-{os.getpid()}"
    if options.signing:
        findings = signing.chaos(runtime, plan, _say, keep=options.keep)
        sound = signing.is_sound(findings)
    else:
        findings = chaos(runtime, plan, keep=options.keep)
        sound = is_sound(findings)
    sys.stdout.write(json.dumps(findings) + "\n")
    return 0 if sound else 1


def chaos(runtime: Path, plan: Plan, *, keep: bool = False) -> dict[str, Any]:
    """One run on a cluster that is made for it and deleted after it."""
    cluster = Cluster(runtime, ("kafka", "postgres"), PROCESSES, _say, found, brokers=BROKERS)
    try:
        description = cluster.start()
        return findings_of(description, run(cluster, plan, _say), _say)
    finally:
        cluster.stop(delete=not keep)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""`make chaos SEED=n MINUTES=m`: a cluster of its own, faults under load, and one JSON object in the last line."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.cluster.local import Cluster
from infra.cluster.runtime import ROOT
from infra.cluster.services import Service
from tests.chaos.firm import found
from tests.chaos.run import run


def main() -> int:
    """Exit status 1 if anything was lost, doubled, exceeded or broken."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0)
    options = parser.parse_args()
    findings = chaos(ROOT / ".runtime" / f"chaos-{os.getpid()}", seed=options.seed, seconds=options.minutes * 60, faults_min=20)
    sys.stdout.write(json.dumps(findings) + "\n")
    return 0 if is_sound(findings) else 1


def chaos(runtime: Path, *, seed: int, seconds: float, faults_min: int) -> dict[str, Any]:
    """One run on a cluster that is made for it and deleted after it."""
    services: tuple[Service, ...] = ("kafka",)
    cluster = Cluster(runtime, services, processes=(), say=_say)
    try:
        description = cluster.start()
        system = found(description)
        _write_genesis(runtime)
        return run(description, system, seed=seed, seconds=seconds, faults_min=faults_min, progress=_say)
    finally:
        cluster.stop(delete=True)


def is_sound(findings: dict[str, Any]) -> bool:
    """Whether the log is as if nothing had happened."""
    broken = ("lost", "duplicated", "over_limit", "chain_breaks", "wrong_facts", "position_gaps")
    return findings["commands"] > 0 and not any(findings[name] for name in broken)


def _write_genesis(runtime: Path) -> None:
    """Let governance write what the firm's genesis gives, once; it needs no faults of its own here."""
    environment = {**os.environ, "PROOFDESK_RUNTIME": str(runtime.resolve())}
    governance = subprocess.Popen(
        [sys.executable, "-m", "streams.governance"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert governance.stderr is not None
    for line in governance.stderr:
        if b'"ready"' in line:
            break
    governance.terminate()
    governance.communicate()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

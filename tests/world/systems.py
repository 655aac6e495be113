"""Gives each real system of the tests a folder of its own, removes what killed runs left, and waits for what must come."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from infra.local_cluster.runtime import ROOT
from infra.local_cluster.supervision import alive

RUNTIME: Final = ROOT / ".runtime"
LOOK_SECONDS: Final = 0.05


def own_folder(system: str) -> Path:
    """Return the folder of this process's `system`, after removing the folders of processes that are gone."""
    for folder in RUNTIME.glob(f"test-{system}-*"):
        if not alive(int(folder.name.rpartition("-")[2])):
            Cluster(folder).stop(delete=True)
            shutil.rmtree(folder, ignore_errors=True)
    return RUNTIME / f"test-{system}-{os.getpid()}"


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """True if `holds` comes true within `seconds` of a quiet machine."""
    deadline = Deadline(seconds)
    while not holds():
        if deadline.passed:
            return False
        time.sleep(LOOK_SECONDS)
    return True

"""A process of a cluster for tests: it notes its start, prints a fault, and asks at once for a person."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from infra.local_cluster.processes import EXIT_REFUSED


def main() -> int:
    with (Path(os.environ["PROOFDESK_RUNTIME"]) / "starts").open("a") as starts:
        starts.write("x")
    said = {"level": "error", "event": "it does nothing", "reason": "token 'proofdesk' refused the PIN [in pin]"}
    sys.stderr.write(json.dumps(said) + "\nnot a line of ours\n")
    return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())

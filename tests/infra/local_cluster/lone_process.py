"""A process of a cluster for tests: it prints its arguments, then waits to be stopped."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    runtime = Path(os.environ["PROOFDESK_RUNTIME"])
    draft = runtime / "seen.draft"
    draft.write_text(json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}))
    draft.rename(runtime / "seen.json")
    signal.sigwait([signal.SIGTERM])
    sys.exit(0)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    main()

"""`python -m commands.gateway`: serve the cluster that PROOFDESK_RUNTIME names, on its own loopback port."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import uvicorn

from commands.gateway.composition import server
from commands.gateway.parts import PRINCIPAL
from commands.gateway.server import ProblemProtocol
from infra.settings import description
from infra.telemetry import logging, metrics, tracing

HEADER_BYTES_MAX: Final = 16_384
KEEP_ALIVE_SECONDS: Final = 15
SHUTDOWN_SECONDS_MAX: Final = 5
BACKLOG_MAX: Final = 512


def main() -> None:
    """Serve until told to stop."""
    metrics.configure(PRINCIPAL)
    logging.configure(PRINCIPAL)
    tracing.configure(PRINCIPAL)
    cluster = description.current()
    place = urlsplit(cluster.http)
    uvicorn.run(
        server(cluster),
        host=place.hostname or "localhost",
        port=place.port or 80,
        http=ProblemProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
        backlog=BACKLOG_MAX,
    )
    tracing.flush()


if __name__ == "__main__":
    main()

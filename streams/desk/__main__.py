"""The desk's process: `python -m streams.desk`."""

from __future__ import annotations

from typing import NoReturn

from infra.settings.description import current
from infra.telemetry import logging
from streams.desk.observer import PRINCIPAL, REFERENCE_TOPICS, DeskObserver, processor
from streams.engine.process import run
from streams.engine.references import References


def main() -> NoReturn:
    """Read all records of governance and of the price sources, then decide."""
    logging.configure(PRINCIPAL)
    description = current()
    references = References(description, PRINCIPAL, REFERENCE_TOPICS)
    observer = DeskObserver(references)
    run(processor(observer), description)


if __name__ == "__main__":
    main()

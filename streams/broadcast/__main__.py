"""Broadcast's process: `python -m streams.broadcast`."""

from __future__ import annotations

from typing import Final, NoReturn

from infra.chain.chains import nodes_by_chain
from infra.settings.description import current
from infra.telemetry import logging
from schemas.topics import Principal
from streams.broadcast.observer import REFERENCE_TOPICS, BroadcastObserver
from streams.engine.process import run, wall_clock
from streams.engine.references import References
from streams.rules.decider import Processor
from streams.rules.transactions.broadcast import BroadcastDecider

PRINCIPAL: Final[Principal] = "broadcast"


def main() -> NoReturn:
    """Wire the processor and run it."""
    logging.configure(PRINCIPAL)
    description = current()
    references = References(description, PRINCIPAL, REFERENCE_TOPICS)
    observer = BroadcastObserver(references, nodes_by_chain(description.nodes), wall_clock)
    run(
        Processor(
            principal=PRINCIPAL,
            inputs=("signed",),
            outputs=("broadcast",),
            decider=BroadcastDecider(),
            observer=observer,
            performer=observer,
        ),
        description,
    )


if __name__ == "__main__":
    main()

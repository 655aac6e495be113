"""Broadcast's process: `python -m streams.broadcast`."""

from __future__ import annotations

from typing import Final, NoReturn

from infra.chain.chains import nodes_by_chain
from infra.cluster.description import current
from schemas.topics import Principal
from streams.broadcast.decider import BroadcastDecider
from streams.broadcast.observer import BroadcastObserver
from streams.engine.decider import Processor
from streams.engine.process import run

PRINCIPAL: Final[Principal] = "broadcast"


def main() -> NoReturn:
    """Wire the processor and run it."""
    description = current()
    run(
        Processor(
            principal=PRINCIPAL,
            inputs=("signed",),
            outputs=("broadcast",),
            decider=BroadcastDecider(),
            observer=BroadcastObserver(nodes_by_chain([description.node])),
        ),
        description,
    )


if __name__ == "__main__":
    main()

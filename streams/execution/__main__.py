"""Execution's process: `python -m streams.execution`."""

from __future__ import annotations

from typing import Final, NoReturn

from infra.chain.chains import nodes_by_chain
from infra.settings.description import current
from infra.telemetry import logging
from schemas.topics import Principal
from streams.engine.process import run
from streams.engine.references import References
from streams.execution.observer import REFERENCE_TOPICS, ExecutionObserver
from streams.rules.decider import Processor
from streams.rules.transactions.execution import ExecutionDecider

PRINCIPAL: Final[Principal] = "execution"


def main() -> NoReturn:
    """Wire the processor and run it. The first node of each chain is asked."""
    logging.configure(PRINCIPAL)
    description = current()
    references = References(description, PRINCIPAL, REFERENCE_TOPICS)
    nodes = {chain_id: nodes[0] for chain_id, nodes in nodes_by_chain(description.nodes).items()}
    observer = ExecutionObserver(references, nodes)
    run(
        Processor(
            principal=PRINCIPAL,
            inputs=("approved", "signed", "signing-refused"),
            outputs=("simulated", "nonce-resolved"),
            decider=ExecutionDecider(),
            observer=observer,
        ),
        description,
    )


if __name__ == "__main__":
    main()

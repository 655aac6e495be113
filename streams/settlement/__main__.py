"""Settlement's process: `python -m streams.settlement`."""

from __future__ import annotations

from typing import Final, NoReturn

from infra.chain.chains import nodes_by_chain
from infra.settings.description import current
from infra.telemetry import logging
from schemas.topics import GOVERNANCE_TOPICS, Principal
from streams.engine.process import run
from streams.engine.references import References
from streams.rules.decider import Processor
from streams.rules.transactions.settlement import SettlementDecider
from streams.settlement.observer import SettlementObserver

PRINCIPAL: Final[Principal] = "settlement"


def main() -> NoReturn:
    """Wire the processor and run it. The first node of each chain is asked."""
    logging.configure(PRINCIPAL)
    description = current()
    references = References(description, PRINCIPAL, GOVERNANCE_TOPICS)
    nodes = {chain_id: nodes[0] for chain_id, nodes in nodes_by_chain(description.nodes).items()}
    observer = SettlementObserver(references, nodes)
    run(
        Processor(
            principal=PRINCIPAL,
            inputs=("broadcast",),
            outputs=("confirmed", "reverted"),
            decider=SettlementDecider(),
            observer=observer,
        ),
        description,
    )


if __name__ == "__main__":
    main()

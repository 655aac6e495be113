"""Maps chains to nodes by the chain id that each node reports (EIP-155, `eth_chainId`).

A process waits at its start for a node that is away, without a bound: without the chain's id it could ask the node nothing.
Leaves out whether the node tells the truth: a transaction names its chain, and is void on another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from tenacity import RetryCallState, retry, retry_if_exception_type, wait_exponential

from infra.chain.node import Node
from infra.chain.rpc import NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

RETRY_SECONDS_MIN: Final = 0.1
RETRY_SECONDS_MAX: Final = 2.0

log = structlog.get_logger(__name__)


def nodes_by_chain(urls: Sequence[str]) -> dict[int, tuple[Node, ...]]:
    """Return the nodes of each chain, in the order of their URLs. Blocks until every node has answered once."""
    chains: dict[int, tuple[Node, ...]] = {}
    for url in urls:
        node = Node(url)
        chain_id = _chain_of(node)
        chains[chain_id] = (*chains.get(chain_id, ()), node)
    return chains


def _warn(attempt: RetryCallState) -> None:
    outcome = attempt.outcome
    log.warning("waiting for a node to say which chain it is on", reason=str(outcome.exception()) if outcome else "")


@retry(
    retry=retry_if_exception_type(NodeError),
    wait=wait_exponential(multiplier=RETRY_SECONDS_MIN, max=RETRY_SECONDS_MAX),
    before_sleep=_warn,
)
def _chain_of(node: Node) -> int:
    return node.chain_id()

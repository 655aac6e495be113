"""Nodes tell which chain they serve; a node that is away is waited for."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from infra.chain.chains import nodes_by_chain
from infra.chain.node import Node
from infra.chain.rpc import NodeUnavailable
from tests.world.chain.local_chain import anvil


def test_nodes_are_told_apart_by_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"127.0.0.1:1": 1, "127.0.0.1:2": 10, "127.0.0.1:3": 1}
    monkeypatch.setattr(Node, "chain_id", lambda node: said[node.name])
    found = nodes_by_chain([f"http://{name}" for name in said])
    assert {chain: [node.name for node in nodes] for chain, nodes in found.items()} == {
        1: ["127.0.0.1:1", "127.0.0.1:3"],
        10: ["127.0.0.1:2"],
    }


@pytest.mark.chain
def test_a_node_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Node.chain_id
    refusals = [2]

    def away_twice(node: Node) -> int:
        if refusals[0]:
            refusals[0] -= 1
            raise NodeUnavailable(node.name, "not up yet")
        return ask(node)

    with anvil() as url, capture_logs() as lines:
        monkeypatch.setattr(Node, "chain_id", away_twice)
        found = nodes_by_chain([url])
    assert list(found) == [31_337]
    assert ["not up yet" in line["reason"] for line in lines] == [True, True]

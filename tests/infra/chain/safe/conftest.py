"""One real chain with Safe's contracts for these tests, put back after each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.chain.safe_scene import SafeScene, safe_scene


@pytest.fixture(scope="module")
def contracts() -> Iterator[SafeScene]:
    with safe_scene() as scene:
        yield scene


@pytest.fixture
def scene(contracts: SafeScene) -> Iterator[SafeScene]:
    snapshot = contracts.node.rpc.request("evm_snapshot")
    yield contracts
    assert contracts.node.rpc.request("evm_revert", snapshot) is True

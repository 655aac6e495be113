"""Gives the processes that talk to a chain one real chain a file, put back after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.chain.local_chain import WETH_FIRST
from tests.world.chain.scene import ChainScene, chain_scene


@pytest.fixture(scope="module")
def world_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainScene]:
    with chain_scene(WETH_FIRST, tmp_path_factory.mktemp("world")) as scene:
        yield scene


@pytest.fixture
def scene(world_scene: ChainScene) -> Iterator[ChainScene]:
    snapshot = world_scene.node.rpc.request("evm_snapshot")
    yield world_scene
    assert world_scene.node.rpc.request("evm_revert", snapshot) is True

"""Runs execution's tests on both orders of the pool's tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.chain.local_chain import USDC_FIRST, WETH_FIRST
from tests.world.chain.scene import ChainScene, chain_scene


@pytest.fixture(scope="session", params=[WETH_FIRST, USDC_FIRST], ids=["weth-first", "usdc-first"])
def world_scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainScene]:
    with chain_scene(request.param, tmp_path_factory.mktemp("world")) as scene:
        yield scene

"""Makes the shares that many tests read and none changes once, since a key generation takes seconds."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.keys.threshold import Share
from tests.infra.keys.ring import generated


@pytest.fixture(scope="session")
def shares() -> Mapping[int, Share]:
    """Three of five."""
    return generated(3, 5)


@pytest.fixture
def token(tmp_path: Path) -> Iterator[Token]:
    with Token.open(initialise(tmp_path)) as opened:
        yield opened

"""A SoftHSM2 token of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.hsm.settings import TokenSettings
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token


@pytest.fixture
def settings(tmp_path: Path) -> TokenSettings:
    return initialise(tmp_path)


@pytest.fixture
def token(settings: TokenSettings) -> Iterator[Token]:
    with Token.open(settings) as opened:
        yield opened

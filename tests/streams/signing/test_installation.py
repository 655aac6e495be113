"""The signer's own machine holds caps and folders that no other user may change or read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from infra.hsm.softhsm import initialise
from infra.identity.private_file import PrivateFileRefused, write_private
from infra.settings.description import ClusterDescription, TokenPlace
from streams.judging.installation import CapsRefused, own_folder, pinned_caps, token_paths
from streams.rules.evidence.memory.velocity import VelocityCaps


def test_caps_are_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "velocity.json"
    write_private(file, b'{"default_usd": "5000000", "wallets": {"treasury-1": "20000000"}}')
    caps = pinned_caps(file, production=True)
    assert (caps.of("treasury-1"), caps.of("treasury-2")) == (Decimal(20_000_000), Decimal(5_000_000))


def test_production_needs_caps_and_development_does_not(tmp_path: Path) -> None:
    assert pinned_caps(tmp_path / "none", production=False) == VelocityCaps()
    with pytest.raises(CapsRefused, match="US dollars"):
        pinned_caps(tmp_path / "none", production=True)


@pytest.mark.parametrize("content", ["", "5000000", '{"default_usd": -1}', '{"default_usd": 1.5}', '{"default": "5"}'])
def test_anything_else_is_no_cap(tmp_path: Path, content: str) -> None:
    file = tmp_path / "velocity.json"
    write_private(file, content.encode())
    with pytest.raises(CapsRefused, match="holds no caps"):
        pinned_caps(file, production=False)


def test_caps_that_somebody_else_could_change_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "velocity.json"
    write_private(file, b"{}")
    file.chmod(0o620)
    with pytest.raises(PrivateFileRefused):
        pinned_caps(file, production=False)


def token_place(folder: Path) -> TokenPlace:
    token = initialise(folder)
    return TokenPlace(module=token.module, label=token.label, pin_file=token.pin_file, config_file=token.config_file)


@pytest.mark.token
def test_of_its_token_it_goes_on_reading_all_but_the_pins(tmp_path: Path) -> None:
    token = token_place(tmp_path)
    assert token.config_file is not None
    beside = {path.name for path in token.config_file.parent.iterdir()}
    listed = token_paths(token)
    assert {path.name for path in listed} == beside - {"pin", "so-pin", "lock"}
    assert token_paths(token.model_copy(update={"config_file": None})) == []


@pytest.mark.token
def test_its_folder_is_for_nobody_else(tmp_path: Path) -> None:
    description = ClusterDescription(
        runtime=tmp_path, http="", node="", postgres="", kafka_bootstrap="", token=token_place(tmp_path / "token")
    )
    for _ in range(2):
        own = own_folder(description, "signer")
    folders = [own, *own.iterdir()]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700] * len(folders)
    assert {folder.name for folder in folders} == {"signer", "memory", "keys"}

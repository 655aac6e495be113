"""A cluster's token is made once and found again; its PINs are in their files alone."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from infra.hsm import softhsm
from infra.hsm.errors import ModuleMissing, TokenBusy, TokenFailed
from infra.hsm.module import CONFIG_VARIABLE
from infra.hsm.settings import TokenSettings
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.identity.private_file import PrivateFileRefused

pytestmark = pytest.mark.token

ROOT = Path(__file__).parents[3]


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_the_token_lies_in_the_cluster_and_nobody_else_can_look(tmp_path: Path, settings: TokenSettings) -> None:
    place = tmp_path / "hsm"
    assert settings == TokenSettings(softhsm.find_module(), "proofdesk", place / "pin", place / "softhsm2.conf")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    found = modes(place)
    assert found["tokens"] == 0o700
    assert {found[name] for name in ("pin", "so-pin", "softhsm2.conf")} == {0o600}


def test_again_finds_the_same_token_with_its_keys(tmp_path: Path, settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        address = token.generate_key("w1")
    assert initialise(tmp_path) == settings
    with Token.open(settings) as token:
        assert token.address("w1") == address
    assert len(list((tmp_path / "hsm" / "tokens").iterdir())) == 1


def test_two_clusters_have_two_tokens_and_two_pins(tmp_path: Path) -> None:
    one, other = initialise(tmp_path / "one"), initialise(tmp_path / "other")
    assert one.pin_file.read_bytes() != other.pin_file.read_bytes()
    with Token.open(one) as token:
        token.generate_key("w1")
    with Token.open(other) as token:
        assert token.key_ids() == ()


def test_a_crash_between_token_and_user_pin_is_made_good_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialise_token = softhsm._call_init_token

    def crash_afterwards(settings: TokenSettings, slot_id: int, officer_pin: str) -> None:
        initialise_token(settings, slot_id, officer_pin)
        raise KeyboardInterrupt

    monkeypatch.setattr(softhsm, "_call_init_token", crash_afterwards)
    with pytest.raises(KeyboardInterrupt):
        initialise(tmp_path)
    monkeypatch.undo()
    with Token.open(initialise(tmp_path)) as token:
        token.generate_key("w1")
    assert len(list((tmp_path / "hsm" / "tokens").iterdir())) == 1


def test_initialising_starts_no_process_that_could_show_a_pin(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from infra.hsm.softhsm import initialise\n"
        "started = []\n"
        "watched = ('subprocess.Popen', 'os.exec', 'os.posix_spawn', 'os.system', 'os.fork', 'os.forkpty')\n"
        "sys.addaudithook(lambda event, _: started.append(event) if event in watched else None)\n"
        "initialise(Path(sys.argv[1]))\n"
        "assert started == [], started\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def test_many_processes_initialising_at_once_make_one_token(tmp_path: Path) -> None:
    with ProcessPoolExecutor(max_workers=3, mp_context=get_context("spawn")) as processes:
        answers = set(processes.map(initialise, [tmp_path] * 6))
    assert len(answers) == 1
    assert len(list((tmp_path / "hsm" / "tokens").iterdir())) == 1


def test_the_environment_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, "/somebody/elses.conf")
    initialise(tmp_path)
    assert os.environ[CONFIG_VARIABLE] == "/somebody/elses.conf"


def test_a_pin_file_that_others_can_read_is_refused(tmp_path: Path, settings: TokenSettings) -> None:
    settings.pin_file.chmod(0o644)
    with pytest.raises(PrivateFileRefused, match="chmod 0600"):
        initialise(tmp_path)


def test_a_token_in_use_by_this_process_is_not_initialised_under_it(tmp_path: Path, token: Token) -> None:
    with pytest.raises(TokenBusy):
        initialise(tmp_path / "another")
    token.generate_key("w1")


def test_without_softhsm_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softhsm, "MODULE_PLACES", (tmp_path / "libsofthsm2.so",))
    with pytest.raises(ModuleMissing, match="install it"):
        initialise(tmp_path)
    monkeypatch.setenv(softhsm.MODULE_VARIABLE, str(tmp_path / "other.so"))
    with pytest.raises(ModuleMissing, match=r"other\.so"):
        initialise(tmp_path)


def test_a_file_that_is_no_pkcs11_library_is_named(tmp_path: Path, settings: TokenSettings) -> None:
    (tmp_path / "empty.so").touch()
    with pytest.raises(ModuleMissing, match=r"empty\.so"):
        Token.open(replace(settings, module=tmp_path / "empty.so"))


def test_an_officer_pin_that_no_longer_fits_a_half_made_token_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialise_token = softhsm._call_init_token
    monkeypatch.setattr(softhsm, "_call_init_token", lambda settings, slot, _: initialise_token(settings, slot, "another-pin"))
    with pytest.raises(TokenFailed, match="PinIncorrect"):
        initialise(tmp_path)

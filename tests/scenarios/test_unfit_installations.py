"""Each process that holds keys reports a fault of its installation, and ends in a way that no supervisor restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from infra.hsm import softhsm
from infra.hsm.token import Token
from infra.identity.private_file import create_private, write_private
from infra.keys.sealing import TokenSealer
from infra.local_cluster.processes import EXIT_REFUSED
from infra.proofs import ed25519
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription, TokenPlace
from streams.cosigning import __main__ as cosigning
from streams.cosigning.enrolment import enrol
from streams.cosigning.installation import SEALING_KEY, CosignerFolder, make_sealing_key
from streams.custody import __main__ as custody
from streams.engine import process as engine
from streams.engine.shell import EXIT_RESTART
from streams.judging.installation import CAPS_FILE, MEMORY_FOLDER, SOFTHSM_STORE, UNFIT, own_folder
from streams.judging.journal import FILE, SealedJournal
from streams.rules.decider import Processor
from streams.rules.evidence.signing_decider import SigningDecider
from streams.rules.governance.root import RootedGovernance
from streams.signing import __main__ as signing
from streams.signing.backends.switch import SwitchingSigner
from streams.signing.enclave import Enclave
from tests.infra.local_cluster.unreached import unreached
from tests.world.firm import governance as firm
from tests.world.line.line import Feed, Line
from tests.world.line.signer_memory import JournalInMemory, memory_on

pytestmark = [pytest.mark.cluster, pytest.mark.shares]

COSIGNER: Final = "cosigner-1"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds keys."""

    main: Callable[[], int | None]
    token: Callable[[ClusterDescription], TokenPlace]
    says: str


HOLDERS: Final = {
    "signer": Holder(signing.main, lambda description: description.token, "the enclave signs nothing"),
    "custodian": Holder(custody.main, lambda description: description.token, "the custodian does nothing"),
    COSIGNER: Holder(cosigning.main, lambda description: description.cosigner_token(COSIGNER), "the cosigner signs nothing"),
}


@pytest.fixture
def description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDescription:
    """An installation with all that these three need, and no broker behind its address."""
    found = unreached(tmp_path)
    found.root_key_file.write_text(firm.PINNED.hex(), "ascii")
    found.secret("").mkdir(mode=0o700)
    enrol(found)
    softhsm.initialise(found.cosigner(COSIGNER))
    monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PROOFDESK_PRINCIPAL", COSIGNER)
    # What a process says goes to its own output for good; this one has others to run after it.
    monkeypatch.setattr("infra.telemetry.logging.configure", lambda _: None)
    return found


def refused(main: Callable[[], int | None]) -> str:
    """A process's last log lines before it ends so that no supervisor restarts it."""
    return ended(main, EXIT_REFUSED, "error", "reason")


def ended(main: Callable[[], int | None], wanted: int, level: str, because: str) -> str:
    """A process's last log lines before a proper end."""
    with capture_logs() as said:
        try:
            status = main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else None
    assert status == wanted
    (last,) = [each for each in said if each["log_level"] == level]
    return f"{last['event']}: {last[because]}"


@pytest.mark.parametrize("name", HOLDERS)
def test_a_wrong_pin_is_tried_once_and_never_again(description: ClusterDescription, name: str) -> None:
    write_private(HOLDERS[name].token(description).pin_file, b"000000")
    said = refused(HOLDERS[name].main)
    assert said.startswith(HOLDERS[name].says)
    assert "refused the PIN in" in said
    assert "000000" not in said


@pytest.mark.parametrize("name", HOLDERS)
def test_a_pin_that_is_not_there_is_named(description: ClusterDescription, name: str) -> None:
    place = HOLDERS[name].token(description)
    place.pin_file.unlink()
    assert f"{place.pin_file}: no such file" in refused(HOLDERS[name].main)


@pytest.mark.parametrize("name", HOLDERS)
def test_a_token_that_is_away_is_looked_for_again(description: ClusterDescription, name: str) -> None:
    place = HOLDERS[name].token(description)
    assert place.config_file is not None
    store = place.config_file.parent / SOFTHSM_STORE
    store.rename(store.with_name("away"))
    said = ended(HOLDERS[name].main, EXIT_RESTART, "warning", "error")
    assert said.startswith("restarting: ")
    store.with_name("away").rename(store)
    Token.open(place.settings).close()


@pytest.mark.parametrize("name", ["signer", COSIGNER])
def test_a_memory_that_somebody_changed_is_no_memory(description: ClusterDescription, name: str) -> None:
    journal = own_folder(description, "signer") / MEMORY_FOLDER
    with Token.open(HOLDERS[name].token(description).settings) as token:
        if name == "signer":
            signing.opened_memory(journal, token).close()
        else:
            make_sealing_key(token)
            journal = CosignerFolder.of(description, COSIGNER).memory
            SealedJournal(journal, TokenSealer(token, SEALING_KEY)).close()
    (journal / FILE).write_bytes(b"0" * 64 + b" {}\n")
    assert "is not what this signer wrote" in refused(HOLDERS[name].main)


@pytest.mark.parametrize("name", ["signer", COSIGNER])
def test_caps_that_are_none_are_named(description: ClusterDescription, name: str) -> None:
    own = own_folder(description, "signer") if name == "signer" else description.cosigner(COSIGNER)
    create_private(own / CAPS_FILE, b'{"default_usd": "all of it"}')
    assert "velocity.json holds no caps" in refused(HOLDERS[name].main)


def test_a_log_that_was_not_founded_by_the_pinned_key_ends_the_enclave_for_good(
    description: ClusterDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it reads it runs in the engine, which starts anew at any other failure."""

    def ended(status: int) -> NoReturn:
        raise SystemExit(status)

    another = ed25519.public_bytes(Ed25519PrivateKey.generate())
    signer = SwitchingSigner({})
    enclave = Enclave(Feed(Line().records), signer, RootedGovernance(another), memory_on(JournalInMemory()))
    for each in ("metrics", "tracing"):
        monkeypatch.setattr(f"infra.telemetry.{each}.configure", lambda _: None)
    monkeypatch.setattr(engine, "_exit", ended)
    processor = Processor("signer", ("simulated",), ("signed", "signing-refused"), SigningDecider(), enclave, enclave)
    assert "not tried again" in refused(lambda: engine.run(processor, description, UNFIT))

"""The custodian's process reports a fault of its installation, and then does no work."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.identity.private_file import write_private
from infra.local_cluster.processes import EXIT_REFUSED
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from streams.custody.__main__ import alone, main
from streams.custody.custodian import folder
from streams.engine.shell import EXIT_RESTART
from tests.infra.local_cluster.unreached import unreached
from tests.world.firm import governance as firm

pytestmark = pytest.mark.token


@pytest.fixture
def description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDescription:
    """An installation with a token, and no broker behind its address."""
    found = unreached(tmp_path)
    found.root_key_file.write_text(firm.PINNED.hex(), "ascii")
    monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path))
    # What a process says goes to its own output for good; this one has others to run after it.
    monkeypatch.setattr("infra.telemetry.logging.configure", lambda _: None)
    return found


def refused() -> str:
    """The custodian's last log lines before it ends so that no supervisor restarts it."""
    with capture_logs() as said:
        assert main() == EXIT_REFUSED
    return f"{said[-1]['event']}: {said[-1]['reason']}"


def test_a_wrong_pin_is_tried_once(description: ClusterDescription) -> None:
    write_private(description.token.pin_file, b"0000")
    said = refused()
    assert said.startswith("the custodian does nothing: ")
    assert "PIN" in said
    assert "0000" not in said


def test_a_token_that_is_not_there(description: ClusterDescription) -> None:
    elsewhere = description.model_copy(update={"token": description.token.model_copy(update={"label": "nothing"})})
    (description.runtime / "cluster.json").write_text(elsewhere.model_dump_json(), "utf-8")
    with capture_logs() as said:
        assert main() == EXIT_RESTART, "it may be back before anybody has looked"
    assert "no token labelled 'nothing'" in said[-1]["error"]


def test_a_second_custodian_ends(description: ClusterDescription) -> None:
    with alone(folder(description)):
        assert "another custodian is running" in refused()

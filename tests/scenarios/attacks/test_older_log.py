"""An enclave is given a back-up of the log from before a person lost her rights; it remembers the later position.

The back-up is sound in itself: every signature and every hash in it holds, and a fresh enclave would sign by it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from infra.hsm.token import Token
from infra.local_cluster.local import Cluster
from schemas.events.lifecycle import Signed, SigningRefused, Simulated
from schemas.firm_commands import ProposeAccess
from tests.scenarios.attacks.siege import Answers, enclave, publish
from tests.streams.rules.governance.changes.specification import access
from tests.world.firm.governance import PINNED
from tests.world.line.forgery import examined
from tests.world.line.line import Line
from tests.world.line.scenery import genesis, pay, wallet

pytestmark = pytest.mark.cluster

BEFORE, HERS = "signed before", "placed by her"
WALLETS: Final = {BEFORE: "treasury-1", HERS: "treasury-2"}
HOLDER: Final = "paula"


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Answers, Line]]:
    """The enclave's lines on the true log, then on the older one; and the older one."""
    folder: Path = tmp_path_factory.mktemp("older")
    cluster = Cluster(folder / "cluster", ["kafka", "token"], processes=[])
    with cluster:
        description = cluster.description
        description.root_key_file.write_text(PINNED.hex())
        with Token.open(description.token.settings) as token:
            firm = genesis(wallets=[wallet(each, address=token.generate_key(each)) for each in WALLETS.values()])
        now = time.time_ns() // 1_000
        line, older = Line(firm, now=now), Line(firm, now=now)
        line.change_firm(ProposeAccess(access=access(HOLDER, "portfolio-manager", status="revoked"), reason="she left"))
        line.send(BEFORE, pay("1000", wallet_id=WALLETS[BEFORE]), by="treasury-bot")
        line.run("desk", "execution")
        publish(description, line.records)
        answers = Answers(description)
        with enclave(description, folder / "enclave.log"):
            answers.until([BEFORE])
    shutil.rmtree(folder / "cluster" / "kafka")
    with cluster:
        older.now = time.time_ns() // 1_000
        older.send(HERS, pay("1000", wallet_id=WALLETS[HERS]), by=HOLDER)
        older.run("desk", "execution")
        publish(description, older.records)
        later = Answers(description, dict(answers.received))
        with enclave(description, folder / "enclave.log"):
            later.until([HERS])
        yield later, older


def test_what_the_older_log_says_is_refused_because_it_is_older(lines: tuple[Answers, Line]) -> None:
    answers, _ = lines
    assert isinstance(answers.of(BEFORE), Signed)
    refused = answers.of(HERS)
    assert isinstance(refused, SigningRefused), refused
    assert refused.refusal.check == "log-rollback", refused.refusal
    assert "has seen it reach" in refused.refusal.message


def test_an_enclave_that_remembers_nothing_would_go_to_the_key(lines: tuple[Answers, Line]) -> None:
    _, older = lines
    (simulated,) = older.events(Simulated, HERS)
    assert len(examined(older.records, simulated.decided_at).digests) == 1

"""The governance process: sees that the log began with the genesis file, then decides what commands to the firm lead to.

An empty log takes the genesis in; nothing starts without it. A log that does not fit its genesis file ends this process with a
message that names the difference. Both run under one transactional id: a second governance process fences the first.
"""

from __future__ import annotations

import sys
import time
from typing import Final, NoReturn

import structlog

from infra.settings.description import ClusterDescription
from infra.settings.root_key import genesis_content, pinned_root_key
from schemas import wire
from schemas.topics import GOVERNANCE_TOPICS
from schemas.values import Instant
from streams.engine import process as engine
from streams.engine import shell
from streams.engine.shell import Ends
from streams.governance.log import PRINCIPAL, GovernanceLog
from streams.rules.decider import Later, Processor, Received
from streams.rules.governance import consistency
from streams.rules.governance.changes.decider import GovernanceDecider
from streams.rules.governance.changes.state import GovernanceState
from streams.rules.governance.founding import GenesisMismatch, decide
from streams.rules.governance.genesis import GenesisRefused, verify

INPUTS: Final = ("firm-commands",)

log = structlog.get_logger(__name__)


class CommandObserver:
    """Reads nothing from outside: a decision rests on governance's own log and on the signed command."""

    def refresh(self) -> None:
        """Do nothing: there are no references."""

    def read(self, _state: GovernanceState, received: Received, _now: Instant) -> Received | Later:
        """Return the command itself."""
        return received


def processor() -> Processor[GovernanceState, Received]:
    """Governance in its place in the flow."""
    return Processor(PRINCIPAL, INPUTS, GOVERNANCE_TOPICS, GovernanceDecider(), CommandObserver())


def run(description: ClusterDescription) -> NoReturn:
    """Establish governance, then decide until a stop is requested (exit 0) or a restart is needed."""
    ends = Ends(
        refusals=(GenesisRefused, GenesisMismatch, wire.Unreadable, ValueError, OSError),
        refused="governance refused: nothing may start on this log",
    )
    sys.exit(shell.run(PRINCIPAL, lambda _stop: _decide(description), ends))


def _decide(description: ClusterDescription) -> NoReturn:
    log.info("ready", position=establish(description))
    engine.run(processor(), description)


def establish(description: ClusterDescription) -> int:
    """Return the position of the last governance event, once the log begins with what the genesis file gives.

    Raises:
        GenesisRefused: the file is not signed by the pinned key, or makes no sense.
        GenesisMismatch: the log began with another.
        KafkaException, TimeoutError: Kafka did not answer.
    """
    genesis = verify(genesis_content(description), pinned_root_key(description))
    consistency.require_sense(genesis.document)
    topics = GovernanceLog(description)
    present = topics.present()
    to_write = decide(genesis, present, time.time_ns() // 1_000)
    if to_write:
        topics.write(to_write)
        log.info("genesis accepted", firm=genesis.document.firm, events=len(to_write))
    return len(present) + len(to_write)

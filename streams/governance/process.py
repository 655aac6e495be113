"""The governance process: takes the genesis file into an empty log, or sees that the log began with it, then stands by.

Nothing starts without it: a log that does not fit its genesis file ends this process with a message that says what differs.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Final, NoReturn

import structlog
from confluent_kafka import KafkaException

from infra.cluster.description import ClusterDescription
from infra.telemetry import logging
from schemas import wire
from streams.governance import consistency
from streams.governance.decider import GenesisMismatch, decide
from streams.governance.genesis import GenesisRefused, verify
from streams.governance.log import PRINCIPAL, GovernanceLog
from streams.governance.settings import genesis_content, pinned_root_key

EXIT_RESTART: Final = 3
"""Kafka failed in a way that a fresh start mends."""
EXIT_REFUSED: Final = 4
"""A person has to look at it: starting again gives the same."""

log = structlog.get_logger(__name__)


def run(description: ClusterDescription) -> NoReturn:
    """Establish governance, then stand by until told to stop (exit 0)."""
    logging.configure(PRINCIPAL)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda _number, _frame: sys.exit(0))
    try:
        position = establish(description)
    except (KafkaException, TimeoutError) as failure:
        log.warning("restarting: the log is the state", error=str(failure))
        sys.exit(EXIT_RESTART)
    except (GenesisRefused, GenesisMismatch, wire.Unreadable, ValueError, OSError) as refusal:
        log.error("governance refused: nothing may start on this log", reason=str(refusal))  # noqa: TRY400 - it is for people
        sys.exit(EXIT_REFUSED)
    log.info("ready", position=position)
    while True:
        signal.pause()


def establish(description: ClusterDescription) -> int:
    """Return the position of the last governance event, once the log holds what the genesis file gives.

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

"""The custodian as a process: `python -m streams.custody`.

Reads governance and, during a ceremony, the cosigners' messages; writes reports and openings. There is one process for the
installation: a second one finds the folder locked and ends. Like the enclave it opens its token, then confines itself, then
reads the log: from then on it reaches only Kafka's brokers, its notes and its token.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

import infra
import schemas
import streams
from infra.hsm.errors import TokenError
from infra.hsm.token import Token
from infra.isolation.sandbox import confine, runtime_paths
from infra.kafka import clients
from infra.keys.software import SoftwareKeys
from infra.settings.description import ClusterDescription, current
from infra.settings.root_key import pinned_root_key
from schemas import wire
from schemas.firm_commands import FirmCommand
from schemas.keys import KeyBackend
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.topics import FIRM_KEY, GOVERNANCE_TOPICS, TOPIC_OF, Principal
from streams.custody.custodian import Custodian, CustodianOutputs, CustodianStore, folder, key_file
from streams.custody.keeping import Keeper
from streams.custody.notes import Notes
from streams.engine import shell
from streams.engine.outage import Outage
from streams.engine.process import wall_clock
from streams.engine.references import References
from streams.engine.shell import Ends, Stop
from streams.judging.installation import KEYS_FOLDER, UNFIT, EnclaveSettings, own_folder
from streams.rules.access.system_signer import NotRegistered
from streams.rules.governance.changes.keys.reports import CUSTODIAN
from streams.rules.governance.root import RootedGovernance
from streams.sessions.transport import MESSAGES, Inbox

LOOK_SECONDS: Final = 0.2
"""The interval between looks at governance and at open ceremonies."""
DELIVERY_SECONDS_MAX: Final = 10
LOCK: Final = "lock"
SIGNER: Final[Principal] = "signer"

log = structlog.get_logger(__name__)


class AlreadyRunning(Exception):
    """Another custodian holds the folder."""


REFUSALS: Final = (*UNFIT, AlreadyRunning)
RESTARTING: Final = "restarting: what was ordered is still to be done"


class _Writer:
    """Writes records one after the other, each acknowledged."""

    def __init__(self, description: ClusterDescription, outage: Outage) -> None:
        more = {"error_cb": outage, "delivery.timeout.ms": DELIVERY_SECONDS_MAX * 1_000}
        self._producer: Producer = clients.producer(description, CUSTODIAN, more)

    def write(self, record: FirmCommand | SessionOpened) -> None:
        """Return once the topic has the record. Raises KafkaException: it does not have it, or the outcome is unknown."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        key = FIRM_KEY if isinstance(record, FirmCommand) else record.session_id
        self._producer.produce(TOPIC_OF[type(record)].name, wire.encode(record), key.encode(), on_delivery=delivered)
        unacknowledged = self._producer.flush(DELIVERY_SECONDS_MAX)
        if failures or unacknowledged:
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001 - public


def main() -> int:
    """Keep keys until told to stop (0), a restart is needed (`EXIT_RESTART`) or a person has to help (`EXIT_REFUSED`)."""
    ends = Ends(
        refusals=REFUSALS,
        refused="the custodian does nothing",
        restarting=RESTARTING,
        paused=(TokenError, NotRegistered),  # governance may register the key at any time
        pausing=RESTARTING,
    )
    return shell.run(CUSTODIAN, _serve, ends)


def _serve(stop: Stop) -> None:
    description, outage, settings = current(), stop.outage, EnclaveSettings()
    with alone(folder(description)), Token.open(description.token.settings) as token:
        governance = RootedGovernance(pinned_root_key(description))
        own = CustodianStore(_keepers(description, token, settings), Notes(folder(description)), key_file(description))
        shut_in(description, settings)
        writer = _Writer(description, outage)
        custodian = Custodian(
            governance, References(description, CUSTODIAN, GOVERNANCE_TOPICS), own, CustodianOutputs(writer.write, writer.write)
        )
        custodian.refresh()
        _say_if_mute(custodian)
        inbox: Inbox | None = None
        while not stop.is_due():
            custodian.refresh()
            if inbox is None and custodian.has_orders:
                inbox = Inbox(description, CUSTODIAN, outage, topics=(MESSAGES,))  # before anything is opened
            custodian.act(wall_clock())
            if inbox is None:
                stop.wait(LOOK_SECONDS)
                continue
            for message in inbox.take(LOOK_SECONDS):
                if isinstance(message, CosignerMessage):
                    custodian.hear(message)
            if not custodian.has_orders:
                inbox.close()
                inbox = None


def shut_in(description: ClusterDescription, settings: EnclaveSettings) -> None:
    """Drop every right that the custodian does not need from here on. Raises ConfinementRefused."""
    key, token = key_file(description), description.token.config_file
    confine(
        read=[
            *runtime_paths(),
            *(Path(package.__path__[0]) for package in (infra, schemas, streams)),
            description.secret(f"kafka-{CUSTODIAN}.json"),
            *([key] if key.exists() else []),
        ],
        write=[
            folder(description),
            *([] if token is None else [token.parent]),
            *([own_folder(description, SIGNER) / KEYS_FOLDER] if _keeps_files(settings) else []),
        ],
        connect_ports=[int(address.rpartition(":")[2]) for address in description.kafka_bootstrap.split(",")],
        demand_complete=settings.production,
    )
    os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)


def _keeps_files(settings: EnclaveSettings) -> bool:
    return settings.development and not settings.production


def _keepers(description: ClusterDescription, token: Token, settings: EnclaveSettings) -> dict[KeyBackend, Keeper]:
    """Return the keepers of undivided keys. Files only in development: they lie where the enclave looks."""
    keepers: dict[KeyBackend, Keeper] = {"hsm": token}
    if _keeps_files(settings):
        keepers["software"] = SoftwareKeys(own_folder(description, SIGNER) / KEYS_FOLDER)
    return keepers


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold the folder. Raises AlreadyRunning: another process holds it."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (place / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"another custodian is running in {place}") from error
        yield


def _say_if_mute(custodian: Custodian) -> None:
    """Log at the start what a report would lack, before one is needed."""
    try:
        custodian.voice()
    except NotRegistered as refusal:
        log.warning("no key can be reported", reason=str(refusal))
    else:
        log.info("ready")


if __name__ == "__main__":
    sys.exit(main())

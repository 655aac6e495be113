"""Runs the detectors: `python -m streams.detectors`. Reads the topics of every registered detector."""

from __future__ import annotations

import sys
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from infra.kafka import clients
from infra.settings.description import ClusterDescription, current
from schemas import wire
from schemas.firm_commands import FirmCommand
from schemas.topics import FIRM_KEY, GOVERNANCE_TOPICS, TOPIC_OF
from streams.detectors.process import Detection, key_file
from streams.engine import shell
from streams.engine.outage import Outage
from streams.engine.process import SESSION_TIMEOUT_MS, wall_clock
from streams.engine.reading import check, received_of
from streams.engine.references import References
from streams.engine.shell import Ends, Stop
from streams.rules.access.system_signer import NotRegistered
from streams.rules.detectors import DETECTORS, PRINCIPAL
from streams.rules.versions import RulesUnknown

BATCH_RECORDS_MAX: Final = 500
LOOK_SECONDS: Final = 0.5
"""The longest a look for events takes when there are none."""
DELIVERY_SECONDS_MAX: Final = 10

log = structlog.get_logger(__name__)


class FirmCommands:
    """Writes commands to the firm's topic, one after the other, each acknowledged."""

    def __init__(self, description: ClusterDescription, outage: Outage) -> None:
        more = {"error_cb": outage, "delivery.timeout.ms": DELIVERY_SECONDS_MAX * 1_000}
        self._producer = clients.producer(description, PRINCIPAL, more)
        self._topic = TOPIC_OF[FirmCommand].name

    def publish(self, command: FirmCommand) -> None:
        """Return once the topic has the record. Raises KafkaException: it does not have it, or the outcome is unknown."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        self._producer.produce(self._topic, wire.encode(command), FIRM_KEY.encode(), on_delivery=delivered)
        unacknowledged = self._producer.flush(DELIVERY_SECONDS_MAX)
        if failures or unacknowledged:
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001 - public


def main() -> int:
    """Detect until told to stop (0), a restart is needed (`EXIT_RESTART`) or a person has to help (`EXIT_REFUSED`)."""
    ends = Ends(
        refusals=(RulesUnknown,),
        restarting="restarting: what was not asked for will be read again",
        paused=(NotRegistered,),  # governance may register the key at any time; until then the event is read again
        pausing="a breaker was asked for, and governance does not know the key",
    )
    return shell.run(PRINCIPAL, _detect, ends)


def _detect(stop: Stop) -> None:
    description, outage = current(), stop.outage
    references = References(description, PRINCIPAL, GOVERNANCE_TOPICS)
    detection = Detection(references, key_file(description), FirmCommands(description, outage).publish)
    consumer = _consumer(description, outage)
    consumer.subscribe(sorted(DETECTORS))
    detection.refresh()
    _warn_if_unregistered(detection)
    while not stop.is_due():
        batch = [received_of(each) for each in consumer.consume(BATCH_RECORDS_MAX, LOOK_SECONDS) if check(each) is not None]
        detection.refresh()
        if batch:
            detection.detect(batch, wall_clock())
            consumer.commit(asynchronous=False)
    consumer.close()


def _consumer(description: ClusterDescription, outage: Outage) -> Consumer:
    group = f"proofdesk-{PRINCIPAL}"
    more = {
        "error_cb": outage,
        "group.id": group,
        "group.instance.id": f"{group}-0",  # a restarted worker takes its place again without a rebalance
        "auto.offset.reset": "earliest",
        "session.timeout.ms": SESSION_TIMEOUT_MS,
    }
    return clients.consumer(description, PRINCIPAL, more)


def _warn_if_unregistered(detection: Detection) -> None:
    """Log at the start that governance does not know the key, before an event needs it."""
    try:
        detection.signer()
    except NotRegistered as refusal:
        log.warning("no detector can trip a breaker", reason=str(refusal))
    else:
        log.info("ready")


if __name__ == "__main__":
    sys.exit(main())

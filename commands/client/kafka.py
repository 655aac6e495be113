"""Commands straight onto the topic, for systems that speak Kafka: signed, keyed by desk, answered by the resulting events.

What the gateway does for HTTP, without it: the desk verifies the signature itself. A sender needs WRITE on `commands` and READ
on the topics of answers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotInTime
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, Producer

from commands.answers import Answer, OrderAnswer, PendingAnswer, TrialAnswer
from commands.client.errors import CommandRefused, NotDecidedYet, SystemFault
from commands.client.signing import Signer, signed
from commands.idempotency import command_id_of
from commands.intake.refusals import rejection
from commands.log import publishing, tail
from commands.log.publishing import LogAway, Publisher
from commands.log.tail import Stories, Tail
from commands.outcomes import Rejected, sent_command
from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas.commands import Body, Command
from schemas.values import DeskId, PrincipalId

DECISION_SECONDS_MAX: Final = 10.0
CONNECT_SECONDS_MAX: Final = 10.0
KAFKA_PRINCIPAL: Final = "system"


class KafkaCommander:
    """One principal's way to the log. For any thread."""

    def __init__(self, producer: Producer, connect: Callable[[], Consumer], principal: PrincipalId, signer: Signer) -> None:
        """Start reading answers. `producer` is idempotent, its partitioner `murmur2_random`; `connect` as `Tail` has it.

        Raises:
            SystemFault: Kafka does not answer.
        """
        self._principal = principal
        self._signer = signer
        self._stories = Stories()
        self._publisher = Publisher(producer)
        self._tail = Tail(connect, self._stories)
        self._tail.start()
        if not self._tail.wait(CONNECT_SECONDS_MAX):
            self.close()
            raise SystemFault(f"Kafka did not answer within {CONNECT_SECONDS_MAX:g} s")

    @classmethod
    def of(
        cls, description: ClusterDescription, principal: PrincipalId, signer: Signer, kafka_principal: str = KAFKA_PRINCIPAL
    ) -> Self:
        """Return a client of a cluster whose Kafka credentials this process may read."""
        return cls(
            clients.producer(description, kafka_principal, publishing.SETTINGS),
            lambda: clients.consumer(description, kafka_principal, tail.SETTINGS),
            principal,
            signer,
        )

    def __enter__(self) -> Self:
        """Use it, then close it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Stop reading and writing."""
        self._tail.close()
        self._publisher.close()

    def command(self, desk_id: DeskId, body: Body, idempotency_key: str | None = None) -> Command:
        """A command of this principal, signed now. Without a key a new one is made."""
        return signed(
            self._signer,
            command_id=command_id_of(self._principal, idempotency_key or str(uuid.uuid4())),
            desk_id=desk_id,
            principal=self._principal,
            issued_at=time.time_ns() // 1_000,
            body=body,
        )

    def send(self, command: Command, decision_seconds_max: float = DECISION_SECONDS_MAX) -> OrderAnswer:
        """Write a signed command and wait for its answer.

        Raises:
            CommandRefused: it was rejected.
            NotDecidedYet: it is on the log, and no answer came in time. SystemFault: Kafka did not take it in time.
        """
        answer = self._asked(command, decision_seconds_max)
        if not isinstance(answer, OrderAnswer):
            raise TypeError("a trial is no order: it is asked with `attempt`")
        return answer

    def attempt(self, command: Command, decision_seconds_max: float = DECISION_SECONDS_MAX) -> TrialAnswer:
        """Send a `TryOrder`, as `send` does; return the predicted decision."""
        answer = self._asked(command, decision_seconds_max)
        if not isinstance(answer, TrialAnswer):
            raise TypeError("only a `TryOrder` is attempted")
        return answer

    def _asked(self, command: Command, decision_seconds_max: float) -> Answer:
        question = sent_command(command)
        with self._stories.following(question) as heard:
            try:
                self._publisher.command(question, ()).result()
                outcome = heard.result(decision_seconds_max)
            except LogAway as error:
                raise SystemFault(f"Kafka did not take the command in time: {error}") from error
            except NotInTime:
                pending = PendingAnswer(command_id=command.command_id, order_id=question.order_id, desk_id=command.desk_id)
                raise NotDecidedYet(pending) from None
        if isinstance(outcome, Rejected):
            raise CommandRefused(rejection(outcome).problem())
        return outcome

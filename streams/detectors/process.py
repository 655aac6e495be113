"""The detectors' process: reads breaches, asks governance for breakers, and only then counts the breaches as read.

At least once: after a crash a breach is read again, and its command, under the same id, dies at governance. A breach that was
read is never dropped: without a key that governance knows, the process says so and ends. Plain idempotent producer; what it
writes is trusted for nothing but its signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

import structlog

from infra.cluster.description import ClusterDescription
from infra.identity import keyfile
from infra.identity.private_file import PrivateFileRefused
from schemas.events.answers import LimitBreached
from schemas.events.base import FirmEvent
from schemas.firm_commands import FirmCommand
from schemas.values import Instant
from streams.rules.access.system_signer import NotRegistered, SystemSigner
from streams.rules.breakers.breached_limits import PRINCIPAL, asked_by, command_id
from streams.rules.decider import Received
from streams.rules.firm.view import GovernanceFold

KEY_FILE: Final = "detectors.pem"
"""Among the cluster's secrets. Made with the genesis that registers it."""

log = structlog.get_logger(__name__)


class References(Protocol):
    """Where governance comes from: `streams.engine.references.References`, or a simulation of it."""

    def poll(self) -> Iterable[Received]:
        """What has arrived since, in the order of each topic."""
        ...


class BreachDetector:
    """Turns breaches into commands. `publish` returns once governance's topic has the command."""

    def __init__(self, references: References, key_file: Path, publish: Callable[[FirmCommand], None]) -> None:
        self._references = references
        self._key_file = key_file
        self._publish = publish
        self._fold = GovernanceFold()

    def refresh(self) -> None:
        """Take in what governance has said."""
        for received in self._references.poll():
            if isinstance(received.record, FirmEvent):
                self._fold.accept(received.record)

    def voice(self) -> SystemSigner:
        """The detectors' key as governance knows it.

        Raises:
            NotRegistered: it does not, or there is no key.
        """
        try:
            return SystemSigner.registered(PRINCIPAL, keyfile.load(self._key_file), self._fold.view)
        except (PrivateFileRefused, OSError) as error:
            raise NotRegistered(f"the detectors have no key: {error}") from error

    def detect(self, batch: Iterable[Received], now: Instant) -> int:
        """Ask for what the breaches of a batch ask for, each breaker once as far as it goes; return how many were asked for.

        Raises:
            NotRegistered: there is something to ask for, and nobody would listen.
        """
        asked: set[tuple[str, str, str]] = set()
        for received in batch:
            breach = received.record
            if not isinstance(breach, LimitBreached) or (body := asked_by(breach, self._fold.view)) is None:
                continue
            if (about := (body.scope, body.subject, body.state)) in asked:
                continue
            asked.add(about)
            self._publish(self.voice().signed(body, command_id(received.digest), now))
            log.info("breaker asked for", scope=body.scope, subject=body.subject, state=body.state, limit=breach.limit_id)
        return len(asked)


def key_file(description: ClusterDescription) -> Path:
    """Where the detectors' private key is."""
    return description.secret(KEY_FILE)

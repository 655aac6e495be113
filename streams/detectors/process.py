"""Gives each event to its detectors, sends governance what they ask for, and only then counts the event as read.

At least once: after a crash an event is read again, and its command, under the same id, changes nothing at governance. No event
is dropped: without a key that governance knows, the process logs that and ends. Its writes count only by their signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from infra.identity import keyfile
from infra.identity.private_file import PrivateFileRefused
from infra.settings.description import ClusterDescription
from schemas.events.base import Event, FirmEvent
from schemas.firm_commands import FirmCommand
from schemas.values import Instant
from streams.rules.access.system_signer import NotRegistered, SystemSigner
from streams.rules.decider import Received, References
from streams.rules.detectors import DETECTORS, PRINCIPAL, command_id, proposal
from streams.rules.firm.view import GovernanceFold

KEY_FILE: Final = "detectors.pem"
"""Among the cluster's secrets. Made with the genesis that registers it."""

log = structlog.get_logger(__name__)


class Detection:
    """Turns what detectors ask for into signed commands. `publish` returns once governance's topic has the command."""

    def __init__(self, references: References, key_file: Path, publish: Callable[[FirmCommand], None]) -> None:
        self._references = references
        self._key_file = key_file
        self._publish = publish
        self._fold = GovernanceFold()

    def refresh(self) -> None:
        """Fold governance's new events."""
        for received in self._references.poll():
            if isinstance(received.record, FirmEvent):
                self._fold.accept(received.record)

    def signer(self) -> SystemSigner:
        """Return the detectors' key as governance knows it.

        Raises:
            NotRegistered: governance does not know it, or there is no key.
        """
        try:
            return SystemSigner.registered(PRINCIPAL, keyfile.load(self._key_file), self._fold.view)
        except (PrivateFileRefused, OSError) as error:
            raise NotRegistered(f"the detectors have no key: {error}") from error

    def detect(self, batch: Iterable[Received], now: Instant) -> int:
        """Send what the events of a batch ask for, each breaker and state once; return how many commands were sent.

        Raises:
            NotRegistered: there is something to ask for, and governance would not listen.
        """
        asked: set[tuple[str, str, str]] = set()
        for received in batch:
            event = received.record
            for detector in DETECTORS.get(received.topic, ()):
                if not isinstance(event, Event) or (body := proposal(detector, event, self._fold.view)) is None:
                    continue
                if (about := (body.scope, body.subject, body.state)) in asked:
                    continue
                asked.add(about)
                self._publish(self.signer().signed(body, command_id(detector, received.digest), now))
                log.info("breaker asked for", scope=body.scope, subject=body.subject, state=body.state, detector=detector.name)
        return len(asked)


def key_file(description: ClusterDescription) -> Path:
    """Return the file of the detectors' private key."""
    return description.secret(KEY_FILE)

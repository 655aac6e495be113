"""The custodian: every order about a key that rooted governance has open is carried out, and what came of it reported.

Only rooted governance's orders are carried out. A report is one signed command, whose id follows from its content, so that
sending it again does no harm. An order that stays open although it was reported is taken up again at growing intervals;
governance's refusal tells people the reason. Open attempts are not kept over a restart: the open orders are the work to do.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from infra.identity import keyfile
from infra.identity.private_file import PrivateFileRefused
from infra.settings.description import ClusterDescription
from schemas.canonical import ORDER_NAMESPACE, canonical_bytes
from schemas.events.base import FirmEvent
from schemas.events.keys import KeyOrdered
from schemas.firm_commands import FirmCommand, ReportKey
from schemas.keys import KeyBackend
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.values import MICROS_PER_SECOND, CommandId, Instant
from streams.custody import ceremonies, keeping
from streams.custody.ceremonies import ATTEMPTS_MAX, PAUSE_SECONDS, Attempt
from streams.custody.keeping import Keeper
from streams.custody.notes import Notes
from streams.rules.access.system_signer import NotRegistered, SystemSigner
from streams.rules.decider import References
from streams.rules.firm.keys import IN_SHARES, KeyStanding
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.keys.places import backend_said, place_of
from streams.rules.governance.changes.keys.reports import CUSTODIAN
from streams.rules.governance.root import RootedGovernance

KEY_FILE: Final = "custodian.pem"
"""Among the cluster's secrets. Made with the genesis that registers it."""
FOLDER: Final = "custodian"
REPORT_SECONDS_MIN: Final = 30
"""After so long an order that was reported and is still open is taken up again; then after twice as long."""
REPORT_SECONDS_MAX: Final = 3_600

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CustodianStore:
    """The keepers, notes and key file of the custodian."""

    keepers: Mapping[KeyBackend, Keeper]
    """By backend, where keys are that one place holds."""
    notes: Notes
    key_file: Path


@dataclass(frozen=True, slots=True)
class CustodianOutputs:
    """Writes reports and session openings. Both return once Kafka has the record, or raise."""

    report: Callable[[FirmCommand], None]
    open: Callable[[SessionOpened], None]


@dataclass(slots=True)
class _UnderWay:
    """An order that is being carried out, or that was reported."""

    attempt: Attempt | None = None
    tried: int = 0
    """Attempts since the process began, or since it was last reported."""
    resume_at: Instant = 0
    """Nothing is done about it before."""
    wait_seconds: int = REPORT_SECONDS_MIN


class Custodian:
    """Carries out orders about keys, one step at a time."""

    def __init__(
        self,
        governance: RootedGovernance,
        references: References,
        store: CustodianStore,
        outputs: CustodianOutputs,
    ) -> None:
        self._governance = governance
        self._references = references
        self._keepers = store.keepers
        self._notes = store.notes
        self._key_file = store.key_file
        self._outputs = outputs
        self._under_way: dict[int, _UnderWay] = {}
        """By the order's position."""

    @property
    def has_orders(self) -> bool:
        """Return True if an order about a key in shares is still open."""
        firm = self._governance.view
        orders = [known.open_order for known in firm.keys.values() if known.open_order is not None]
        return any(_backend_of(firm, order) in IN_SHARES for order in orders)

    def refresh(self) -> None:
        """Process governance's records.

        Raises:
            NotRooted, GenesisRefused: the records are not governance's.
        """
        for received in self._references.poll():
            if isinstance(received.record, FirmEvent):
                self._governance.accept(received.record)

    def voice(self) -> SystemSigner:
        """Return the custodian's key as governance knows it.

        Raises:
            NotRegistered: it does not, or there is no key.
        """
        try:
            return SystemSigner.registered(CUSTODIAN, keyfile.load(self._key_file), self._governance.view)
        except (PrivateFileRefused, OSError) as error:
            raise NotRegistered(f"the custodian has no key: {error}") from error

    def act(self, now: Instant) -> None:
        """Do what can be done now about every order that is open.

        Raises:
            TokenError: the place of a key does not answer.
            NotRegistered: there is something to report, but governance would not accept it.
        """
        firm = self._governance.view
        ordered = [(known.open_order, known) for known in firm.keys.values() if known.open_order is not None]
        open_orders = {order.position: (order, known) for order, known in ordered}
        self._under_way = {place: each for place, each in self._under_way.items() if place in open_orders}
        for position, (order, known) in sorted(open_orders.items()):
            under_way = self._under_way.setdefault(position, _UnderWay())
            if under_way.attempt is not None:
                self._listen(known, under_way, under_way.attempt, now)
            elif now >= under_way.resume_at:
                self._take_up(order, known, under_way, now)

    def hear(self, message: CosignerMessage) -> None:
        """Process a cosigner's message."""
        for each in self._under_way.values():
            if each.attempt is not None:
                each.attempt.hear(message, self._governance.view)

    def _take_up(self, order: KeyOrdered, known: KeyStanding, under_way: _UnderWay, now: Instant) -> None:
        backend = _backend_of(self._governance.view, order)
        if backend in IN_SHARES:
            attempt = Attempt(ceremonies.opening(order, known, self._notes.next_attempt(order.position), now))
            self._outputs.open(attempt.opened)
            under_way.attempt, under_way.tried = attempt, under_way.tried + 1
            log.info("ceremony opened", key=order.key_id, kind=attempt.opened.kind, attempt=attempt.opened.attempt)
        elif (keeper := self._keepers.get(backend)) is None:
            self._report(keeping.no_keeper(order, backend), under_way, now)
        else:
            self._report(keeping.carried_out(order, keeper, self._notes, now), under_way, now)

    def _listen(self, known: KeyStanding, under_way: _UnderWay, attempt: Attempt, now: Instant) -> None:
        order = known.open_order
        assert order is not None  # noqa: S101 - narrows: an attempt is of what is open
        if (report := attempt.believable(known, self._governance.view, now)) is not None:
            self._report(report, under_way, now)
        elif attempt.is_lost(now):
            refusal = attempt.failure()
            log.warning("ceremony given up", key=order.key_id, attempt=attempt.opened.attempt, reason=refusal.message)
            under_way.attempt, under_way.resume_at = None, now + PAUSE_SECONDS * MICROS_PER_SECOND
            if under_way.tried >= ATTEMPTS_MAX:
                self._report(keeping.failed(order, refusal), under_way, now)

    def _report(self, body: ReportKey, under_way: _UnderWay, now: Instant) -> None:
        self._outputs.report(self.voice().signed(body, command_id(body), now))
        log.info("reported", position=body.ordered_position, outcome=body.outcome)
        under_way.attempt, under_way.tried = None, 0
        under_way.resume_at = now + under_way.wait_seconds * MICROS_PER_SECOND
        under_way.wait_seconds = min(2 * under_way.wait_seconds, REPORT_SECONDS_MAX)


def command_id(body: ReportKey) -> CommandId:
    """Return the id of the command that reports exactly this."""
    content = hashlib.sha256(canonical_bytes(body)).hexdigest()
    return str(uuid.uuid5(ORDER_NAMESPACE, f"key-report/{body.ordered_position}/{content}"))


def key_file(description: ClusterDescription) -> Path:
    """Return the file of the custodian's private key."""
    return description.secret(KEY_FILE)


def folder(description: ClusterDescription) -> Path:
    """Return the folder of the custodian's notes."""
    return description.runtime / FOLDER


def _backend_of(firm: Governance, order: KeyOrdered) -> KeyBackend:
    said, place = backend_said(order.change), place_of(firm, order.key_id)
    backend = said if said is not None or place is None else place.backend
    assert backend is not None  # noqa: S101 - narrows: nothing is ordered about a key that is nowhere
    return backend

"""A cosigner's process: `python -m streams.cosigning`, as the principal in PROOFDESK_PRINCIPAL.

Like the enclave it opens its token and reads its keys, then confines itself, then reads the log. From then on it reaches only
Kafka's brokers, its shares and its memory; neither its caps nor its PIN. It waits for messages and does no work in between.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import structlog
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

import infra
import schemas
import streams
from infra.hsm.errors import TokenError
from infra.hsm.token import Token
from infra.isolation.sandbox import confine, runtime_paths
from infra.keys.sealing import FileSealer, TokenSealer
from infra.keys.vault import ShareVault
from infra.settings.description import ClusterDescription, current
from schemas.sessions import CosignerMessage, SessionOpened
from streams.cosigning.installation import SEALING_KEY, CosignerFolder, load_identity, make_sealing_key
from streams.cosigning.sessions.ceremonies import Sharing
from streams.cosigning.sessions.evidence import FIRM_TOPICS, ORDER_TOPICS, Evidence, Reading
from streams.cosigning.sessions.notes import Notes
from streams.cosigning.sessions.participant import Participant
from streams.cosigning.sessions.shares import Backups, Shares
from streams.engine import shell
from streams.engine.process import wall_clock
from streams.engine.references import References
from streams.engine.shell import Ends, Stop
from streams.judging.installation import UNFIT, pinned_caps, pinned_root_key, token_paths
from streams.judging.journal import SealedJournal
from streams.judging.memory import SealedMemory
from streams.rules.governance.root import RootedGovernance
from streams.sessions.signed_messages import MessageSigner
from streams.sessions.transport import Inbox, Outbox

IDLE_SECONDS: Final = 1.0
"""The interval between reads of governance while no session is open."""
WAITING_SECONDS: Final = 0.005
"""The interval between reads while evidence that is on its way is waited for."""

log = structlog.get_logger(__name__)


class CosignerSettings(BaseSettings):
    """Read from the environment."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    principal: str = Field(alias="PROOFDESK_PRINCIPAL")
    production: bool = Field(default=False, alias="PROOFDESK_PRODUCTION")
    """Refuses a machine that cannot confine a cosigner fully."""


def shut_in(description: ClusterDescription, place: CosignerFolder, settings: CosignerSettings) -> None:
    """Drop every right that a cosigner does not need from here on. Raises ConfinementRefused."""
    confine(
        read=[
            *runtime_paths(),
            *(Path(package.__path__[0]) for package in (infra, schemas, streams)),
            description.secret(f"kafka-{place.name}.json"),
            *token_paths(description.cosigner_token(place.name)),
        ],
        write=[place.shares, place.memory, place.backups],
        connect_ports=[int(address.rpartition(":")[2]) for address in description.kafka_bootstrap.split(",")],
        demand_complete=settings.production,
    )
    os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)


def participant_of(
    description: ClusterDescription, place: CosignerFolder, token: Token, settings: CosignerSettings
) -> Participant:
    """Return the wired cosigner: open its own files first, then confine the process, then read the log."""
    root = RootedGovernance(pinned_root_key(description.root_key_file))
    pen, sealer = MessageSigner(load_identity(place)), TokenSealer(token, SEALING_KEY)
    vaults: dict[Sharing, ShareVault] = {
        "mpc": ShareVault(place.shares / "mpc", FileSealer(place.sealing_key_file)),
        "hybrid": ShareVault(place.shares / "hybrid", sealer),
    }
    caps = pinned_caps(place.velocity_file, production=settings.production)
    journal = SealedJournal(place.memory, sealer)
    memory = SealedMemory(journal, caps, journal.entries)
    notes = Notes(place.memory)
    public = bytes.fromhex(place.recovery_key_file.read_text("ascii")) if place.recovery_key_file.exists() else None
    shares = Shares(vaults, notes, Backups(place.backups, public))
    shut_in(description, place, settings)
    firm = References(description, place.name, FIRM_TOPICS)
    reading = Reading(firm, lambda: References(description, place.name, ORDER_TOPICS))
    return Participant(pen, Evidence(place.name, reading, root, memory), shares, notes, wall_clock())


def main() -> int:
    """Cosign until told to stop (0), a restart is needed (`EXIT_RESTART`) or a person has to help (`EXIT_REFUSED`)."""
    settings = CosignerSettings()
    ends = Ends(
        refusals=UNFIT,
        refused="the cosigner signs nothing",
        paused=(TokenError,),
        pausing="restarting: nothing is signed until the token is back",
    )
    return shell.run(settings.principal, lambda stop: _cosign(settings, stop), ends)


def _cosign(settings: CosignerSettings, stop: Stop) -> None:
    description = current()
    place = CosignerFolder.of(description, settings.principal)
    place.prepare()
    with Token.open(description.cosigner_token(place.name).settings) as token:
        make_sealing_key(token)
        participant = participant_of(description, place, token, settings)
        inbox, outbox = Inbox(description, place.name, stop.outage), Outbox(description, place.name, stop.outage)
        _serve(participant, inbox, outbox, stop)


def _serve(participant: Participant, inbox: Inbox, outbox: Outbox, stop: Stop) -> None:
    """Read and answer messages, and read the log in between."""
    participant.refresh()
    log.info("ready")
    while not stop.is_due():
        records = inbox.take(WAITING_SECONDS if participant.is_waiting else IDLE_SECONDS)
        if not records or participant.is_waiting or any(isinstance(record, SessionOpened) for record in records):
            participant.refresh()
        now = wall_clock()
        for record in records:
            match record:
                case SessionOpened():
                    outbox.send(participant.open(record, now))
                case CosignerMessage():
                    outbox.send(participant.hear(record))
        outbox.send(participant.tick(now))


if __name__ == "__main__":
    sys.exit(main())

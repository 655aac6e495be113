"""Runs five cosigners in one process: real participants, shares and memories; a list replaces Kafka.

    table = Table(line, folder)
    table.make_key()                     # ordered by a quorum, generated, reported, and given to a wallet
    line.use(table.signer())
    line.send("o1", pay("1000", wallet_id=KEY))

`table.say` puts a record on the topic; `table.settle` lets everybody read and answer until nothing more is said. A cosigner in
`table.away` reads nothing and says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from infra.keys.sealing import FileSealer
from infra.keys.vault import ShareVault
from infra.proofs import base64url, ed25519
from schemas.canonical import firm_command_digest, session_id
from schemas.commands import Ed25519Signature
from schemas.events.base import FirmEvent, Refusal
from schemas.events.keys import KeyOrdered
from schemas.firm_commands import FirmCommand, ProposeKey, ReportKey
from schemas.keys import ActivateKey, Cosigner, GenerateKey, KeyBackend, KeyChange, KeyVouched
from schemas.sessions import Accusation, CosignerMessage, SessionKind, SessionOpened
from schemas.topics import COSIGNERS, FIRM_KEY
from schemas.values import Slug
from streams.cosigning.installation import SITES
from streams.cosigning.sessions.ceremonies import Sharing
from streams.cosigning.sessions.evidence import FIRM_TOPICS, ORDER_TOPICS, Evidence, Reading
from streams.cosigning.sessions.notes import Notes
from streams.cosigning.sessions.participant import Participant
from streams.cosigning.sessions.shares import Backups, Shares
from streams.judging.journal import SealedJournal
from streams.judging.memory import SealedMemory
from streams.rules.decider import Received
from streams.rules.evidence.memory.velocity import VelocityCaps
from streams.rules.firm.view import Governance, GovernanceFold
from streams.rules.governance.genesis import SignedGenesis
from streams.rules.governance.root import RootedGovernance
from streams.sessions.signed_messages import Identity, MessageSigner
from streams.signing.backends.mpc import Channel, MpcSigner
from tests.world.firm import governance as firm
from tests.world.firm.governance import CHAIN, PINNED
from tests.world.line.line import Feed, Line
from tests.world.line.scenery import DESK, genesis, named

KEY: Final = "shared-1"
RECOVERY_KEY: Final = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"recovery").digest())
SessionRecord = SessionOpened | CosignerMessage


def identity(name: Slug, keys: str = "") -> Identity:
    """A cosigner's private keys, the same for the same name."""
    secret = hashlib.sha256(f"{name}{keys}".encode()).digest()
    return Identity(name, Ed25519PrivateKey.from_private_bytes(secret), X25519PrivateKey.from_private_bytes(secret))


def enrolled(name: Slug, keys: str = "") -> Cosigner:
    """As governance knows it."""
    own = identity(name, keys)
    return Cosigner(
        cosigner=name,
        party=COSIGNERS.index(name) + 1,
        site=SITES[name],
        signing_key=f"0x{ed25519.public_bytes(own.signing_key).hex()}",
        agreement_key=f"0x{own.agreement_key.public_key().public_bytes_raw().hex()}",
    )


def of_cosigners(cosigners: Sequence[Cosigner] = (), **changes: object) -> SignedGenesis:
    """The firm of the line, with a custodian and five cosigners."""
    systems = [*genesis().document.systems, firm.system("custodian", "custodian", desks=[])]
    return genesis(**({"systems": systems, "cosigners": cosigners or [enrolled(name) for name in COSIGNERS]} | changes))


@dataclass
class Topics(Feed):
    """Some topics of the line."""

    names: Sequence[str] = ()

    def poll(self) -> list[Received]:
        return [received for received in super().poll() if received.topic in self.names]


@dataclass
class Seat:
    """A cosigner, with all that is its own."""

    participant: Participant
    pen: MessageSigner
    vaults: dict[Sharing, ShareVault]
    shares: Shares
    notes: Notes
    memory: SealedMemory
    journal: SealedJournal
    read: int = 0


@dataclass
class Mail:
    """The coordinator's reader of the topic."""

    table: Table
    read: int = 0
    has_caught_up: bool = True

    def take(self, seconds: float) -> Sequence[SessionRecord]:
        assert seconds == 0, "the enclave waits for nobody"
        self.table.settle()
        taken, self.read = self.table.post[self.read :], len(self.table.post)
        return taken


@dataclass
class Table:
    """All five, at first."""

    line: Line
    folder: Path
    seats: dict[Slug, Seat] = field(default_factory=dict)
    post: list[SessionRecord] = field(default_factory=list)
    away: set[Slug] = field(default_factory=set)
    tampering: Callable[[CosignerMessage], Iterable[CosignerMessage]] = lambda message: (message,)
    caps: dict[Slug, VelocityCaps] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in COSIGNERS:
            self.seat(name)

    def seat(self, name: Slug, keys: str = "") -> None:
        """Start a cosigner from what is on its disk; with other `keys`, another one in its place."""
        if name in self.seats:
            self.seats[name].journal.close()
        own = self.folder / f"{name}{keys}"
        for part in (own, own / "memory", own / "backups"):
            part.mkdir(exist_ok=True)
        sealer = FileSealer(own / "sealing.key")
        vaults: dict[Sharing, ShareVault] = {
            "mpc": ShareVault(own / "mpc", sealer),
            "hybrid": ShareVault(own / "hybrid", sealer),
        }
        notes, journal = Notes(own / "memory"), SealedJournal(own / "memory", sealer)
        memory = SealedMemory(journal, self.caps.get(name, VelocityCaps()), journal.entries)
        shares = Shares(vaults, notes, Backups(own / "backups", RECOVERY_KEY.public_key().public_bytes_raw()))
        reading = Reading(Topics(self.line.records, names=FIRM_TOPICS), lambda: Topics(self.line.records, names=ORDER_TOPICS))
        evidence = Evidence(name, reading, RootedGovernance(PINNED), memory)
        pen = MessageSigner(identity(name, keys))
        participant = Participant(pen, evidence, shares, notes, self.line.now)
        self.seats[name] = Seat(participant, pen, vaults, shares, notes, memory, journal, len(self.post))

    # What is said -----------------------------------------------------------------------------------------------------

    def say(self, *records: SessionRecord) -> None:
        """Put records on the topic; of a cosigner's, what `tampering` makes of them."""
        for record in records:
            self.post += self.tampering(record) if isinstance(record, CosignerMessage) else (record,)

    def settle(self) -> None:
        """Let everybody read and answer until nothing more is said."""
        while True:
            before = len(self.post)
            for name, seat in self.seats.items():
                self._turn(name, seat)
            if len(self.post) == before:
                return

    def _turn(self, name: Slug, seat: Seat) -> None:
        new, seat.read = self.post[seat.read :], len(self.post)
        if name in self.away:
            return
        seat.participant.refresh()
        for record in new:
            match record:
                case SessionOpened():
                    self.say(*seat.participant.open(record, self.line.now))
                case CosignerMessage():
                    self.say(*seat.participant.hear(record))
        self.say(*seat.participant.tick(self.line.now))

    def opened(self, kind: SessionKind, attempt: int = 1, key_id: str = KEY, **changes: object) -> SessionOpened:
        """A session about what is ordered of a key."""
        standing = self.firm.keys[key_id]
        shape = {
            "session_id": "0" * 64,
            "kind": kind,
            "key_id": key_id,
            "epoch": standing.epoch,
            "participants": list(COSIGNERS),
            "attempt": attempt,
            "opened_at": self.line.now,
            "ordered_position": 0 if standing.open_order is None else standing.open_order.position,
        }
        opened = SessionOpened.model_validate(shape | changes)
        return opened.model_copy(update={"session_id": session_id(opened)})

    def hold(self, opened: SessionOpened) -> SessionOpened:
        """Open a session and see it through."""
        self.say(opened)
        self.settle()
        return opened

    def messages(self, opened: SessionOpened, kind: str) -> dict[Slug, bytes]:
        """Each cosigner's messages in a session."""
        mine = (each for each in self.post if isinstance(each, CosignerMessage) and each.session_id == opened.session_id)
        return {each.sender: base64url.decode(each.payload) for each in mine if each.kind == kind}

    def refused(self, opened: SessionOpened) -> dict[Slug, str]:
        """The check that refused, by cosigner."""
        return {name: Refusal.model_validate_json(said).check for name, said in self.messages(opened, "refused").items()}

    def vouched(self, opened: SessionOpened) -> list[KeyVouched]:
        return [KeyVouched.model_validate_json(said) for said in self.messages(opened, "vouched").values()]

    def accused(self, opened: SessionOpened) -> dict[Slug, Slug]:
        """The accused, by accusing cosigner."""
        return {name: Accusation.model_validate_json(said).cosigner for name, said in self.messages(opened, "banned").items()}

    # What the firm does -----------------------------------------------------------------------------------------------

    @property
    def firm(self) -> Governance:
        """As the log says."""
        fold = GovernanceFold()
        for received in self.line.records:
            if isinstance(received.record, FirmEvent):
                fold.accept(received.record)
        return fold.view

    def order(self, change: KeyChange) -> KeyOrdered:
        """Propose a change of a key, and have a quorum agree."""
        self.line.change_firm(ProposeKey(change=change, reason="a review"), by="sven")
        return [r.record for r in self.line.records if isinstance(r.record, KeyOrdered)][-1]

    def report(self, body: ReportKey) -> None:
        """The custodian's report."""
        shape = {"command_id": named(repr(body)), "principal": "custodian", "issued_at": self.line.now, "body": body}
        unsigned = FirmCommand.model_validate(shape | {"authorization": Ed25519Signature(key_id="", signature="AA")})
        key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"custodian").digest())
        signature = base64url.encode(ed25519.sign(key, firm_command_digest(unsigned)))
        given = Ed25519Signature(key_id="custodian", signature=signature)
        self.line.append(unsigned.model_copy(update={"authorization": given}), FIRM_KEY.encode(), 0)
        self.line.run("governance")

    def report_vouched(self, order: KeyOrdered, opened: SessionOpened) -> None:
        """Report what all have vouched for."""
        vouched = self.vouched(opened)
        outcome = {"generate": "generated", "rotate": "rotated", "recover": "recovered"}[order.change.kind]
        shape = {
            "ordered_position": order.position,
            "outcome": outcome,
            "address": vouched[0].address,
            "public_key": vouched[0].public_key,
            "epoch": vouched[0].epoch,
            "vouched": vouched,
        }
        self.report(ReportKey.model_validate(shape))

    def make_key(self, key_id: str = KEY, backend: KeyBackend = "mpc") -> None:
        """A key in shares of all five, of which three from two sites sign, with a wallet of its own."""
        change = GenerateKey.model_validate(
            {"key_id": key_id, "backend": backend, "threshold": 3, "cosigners": list(COSIGNERS), "sites_min": 2}
        )
        order = self.order(change)
        opened = self.hold(self.opened("generate", key_id=key_id))
        self.report_vouched(order, opened)
        activate = ActivateKey(
            key_id=key_id,
            key_backend=backend,
            wallet_id=key_id,
            desk_id=DESK,
            chain_id=CHAIN,
            address=self.vouched(opened)[0].address,
        )
        self.line.change_firm(ProposeKey(change=activate, reason="a review"), by="sven")
        self.settle()

    def signer(self) -> MpcSigner:
        """The enclave's end of the table."""
        channel = Channel(lambda _since: Mail(self), lambda opened: self.say(*opened))
        return MpcSigner(lambda: self.firm, channel, lambda: self.line.now)

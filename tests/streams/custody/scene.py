"""Runs the custodian beside governance, with an in-memory token and cosigners that give scripted answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.ethereum.recovery import address_of
from infra.hsm.errors import KeyExists, KeyUnfit, KeyUnknown, TokenError
from infra.identity.private_file import create_private
from infra.proofs import base64url, ed25519
from schemas import wire
from schemas.canonical import canonical_bytes, cosigner_message_digest
from schemas.events.base import Refusal
from schemas.firm_commands import FirmCommand
from schemas.hash_chain import digest_of
from schemas.keys import KeyVouched
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.values import Record, Slug
from streams.custody.custodian import Custodian, CustodianOutputs, CustodianStore
from streams.custody.notes import Notes
from streams.rules.decider import Received
from streams.rules.governance.root import RootedGovernance
from tests.streams.rules.governance.changes.keys.ceremonies import for_order, public_key, vouched
from tests.streams.rules.governance.changes.specification import SECOND, Specification
from tests.world.firm import governance as firm
from tests.world.firm.desk import MachineKey

UNREADY: Final = Refusal(check="unready", message="governance is still on its way", remedy="open another session")


class Crashed(Exception):
    """The process ended here."""


@dataclass
class TokenInMemory:
    """Keys by id. May crash before or after a step, or fail in one."""

    keys: set[str] = field(default_factory=set)
    halves: set[str] = field(default_factory=set)
    """Keys that a crash left half made."""
    crashes: list[str] = field(default_factory=list)
    """Steps after which it crashes, each once."""
    fails: dict[str, TokenError] = field(default_factory=dict)

    def has_key(self, key_id: str) -> bool:
        self._step("has")
        return key_id in self.keys | self.halves

    def generate_key(self, key_id: str) -> str:
        self._step("before generate")
        if key_id in self.keys | self.halves:
            raise KeyExists(key_id)
        self.halves.add(key_id)
        self._step("half")
        self.halves.remove(key_id)
        self.keys.add(key_id)
        self._step("generate")
        return address_of(self.public_key(key_id))

    def public_key(self, key_id: str) -> bytes:
        self._step("read")
        if key_id in self.halves:
            raise KeyUnfit(key_id, "has 1 private and 0 public halves")
        if key_id not in self.keys:
            raise KeyUnknown(key_id)
        return bytes.fromhex(public_key(key_id)[2:])

    def discard_key(self, key_id: str) -> None:
        self._step("before discard")
        self.halves.discard(key_id)
        self.keys.discard(key_id)

    def destroy_key(self, key_id: str) -> str:
        self._step("before destroy")
        self.keys.remove(key_id)
        self._step("destroy")
        return hashlib.sha256(key_id.encode()).hexdigest()

    def _step(self, name: str) -> None:
        if (error := self.fails.get(name)) is not None:
            raise error
        if name in self.crashes:
            self.crashes.remove(name)
            raise Crashed


@dataclass
class Scene:
    """One custodian, started again whenever it crashed."""

    spec: Specification
    folder: Path
    token: TokenInMemory = field(default_factory=TokenInMemory)
    reported: list[FirmCommand] = field(default_factory=list)
    opened: list[SessionOpened] = field(default_factory=list)
    read: int = 0
    crashes: int = 0
    loses_reports: int = 0
    """So many reports get lost with the process that made them."""

    def __post_init__(self) -> None:
        if not (self.folder / "custodian.pem").exists():
            key = MachineKey("custodian")._private()
            content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            create_private(self.folder / "custodian.pem", content)
        self.start()

    def start(self) -> None:
        """A new process, with what the disk and the log hold."""
        self.read = 0
        self.custodian = Custodian(
            RootedGovernance(firm.PINNED),
            self,
            CustodianStore({"hsm": self.token}, Notes(self.folder / "notes"), self.folder / "custodian.pem"),
            CustodianOutputs(report=self._report, open=self.opened.append),
        )

    def _report(self, command: FirmCommand) -> None:
        if self.loses_reports:
            self.loses_reports -= 1
            raise Crashed
        self.reported.append(command)

    def poll(self) -> list[Received]:
        cosigner_message = self.spec.log[self.read :]
        self.read = len(self.spec.log)
        return [
            Received(s.topic, 0, 0, s.key, s.value, digest_of(s.value), wire.decode(s.topic, s.value)) for s in cosigner_message
        ]

    def act(self, seconds: float = 0) -> list[FirmCommand]:
        """One step, after some time; governance then answers what was reported."""
        self.spec.now += int(seconds * SECOND)
        self.reported.clear()
        try:
            self.custodian.refresh()
            self.custodian.act(self.spec.now)
        except Crashed:
            self.crashes += 1
            self.start()
            return self.act()
        for command in self.reported:
            self.spec.when(partial(Specification.received, command=command))
        return list(self.reported)

    def hear(self, place: int, kind: str, content: Record | bytes, **changes: Any) -> None:
        """A cosigner's message in the newest session."""
        word = for_order(content, self.opened[-1].ordered_position) if isinstance(content, KeyVouched) else content
        self.custodian.hear(cosigner_message(self.opened[-1].session_id, place, kind, word, **changes))

    def all_vouch(self, **changes: Any) -> None:
        """Everybody says that it holds a share of the same key."""
        opened = self.opened[-1]
        for place in range(1, 6):
            self.hear(place, "vouched", vouched(place, opened.epoch + opened.attempt, **changes))


def cosigner_message(session: str, place: int, kind: str, content: Record | bytes, **changes: Any) -> CosignerMessage:
    """A cosigner's message, signed with its own key or with that of `keys`."""
    name: Slug = f"cosigner-{place}"
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(changes.pop("keys", name).encode()).digest())
    fields = {"session_id": session, "sender": name, "receiver": "", "kind": kind, "round": 0, "signature": "AA"}
    payload = content if isinstance(content, bytes) else canonical_bytes(content)
    message = CosignerMessage.model_validate(fields | {"payload": base64url.encode(payload)} | changes)
    return message.model_copy(update={"signature": base64url.encode(ed25519.sign(key, cosigner_message_digest(message)))})

"""A breach becomes one signed command that governance carries out; a repeated breach has no further effect."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from structlog.testing import capture_logs

from infra.identity import keyfile
from infra.identity.private_file import create_private
from schemas import wire
from schemas.events.answers import LimitBreached
from schemas.examples import example
from schemas.firm import BreakerState
from schemas.firm_commands import FirmCommand, TripBreaker
from schemas.hash_chain import digest_of
from schemas.topics import TOPIC_OF
from streams.detectors.process import Detection
from streams.rules.access.system_signer import NotRegistered
from streams.rules.decider import Received
from streams.rules.detectors import DETECTORS, command_id
from streams.rules.refusals import governance as refusals
from streams.rules.refusals.base import IdempotencyConflict
from tests.streams.rules.governance.changes.specification import (
    START,
    Specification,
    access,
    approve,
    given,
    propose_access,
    propose_reset,
    trip,
)
from tests.world.firm import governance as firm
from tests.world.firm.desk import MachineKey

(BREACHED,) = DETECTORS[TOPIC_OF[LimitBreached].name]


def breach(position: int, subject: str = "newswap", state: BreakerState = "reducing") -> Received:
    """A breach as it comes from its topic."""
    said = {
        "desk_id": "newswap",
        "position": position,
        "limit_id": "day",
        "scope_key": "desk:newswap",
        "breaker_scope": "desk",
        "breaker_subject": subject,
        "breaker_state": state,
        "message": "would go over its cap",
    }
    value = wire.encode(example(LimitBreached).model_copy(update=said))
    topic = TOPIC_OF[LimitBreached].name
    return Received(topic, 3, position, b"newswap", value, digest_of(value), wire.decode(topic, value))


@dataclass
class Scene:
    """The detectors beside governance: what one says, the other hears."""

    spec: Specification
    key_file: Path
    published: list[FirmCommand] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        self.detector = Detection(self, self.key_file, self.published.append)

    def poll(self) -> list[Received]:
        said = self.spec.log[self.read :]
        self.read = len(self.spec.log)
        return [Received(s.topic, 0, 0, s.key, s.value, digest_of(s.value), wire.decode(s.topic, s.value)) for s in said]

    def detect(self, *breaches: Received, now: int = START) -> list[FirmCommand]:
        self.published.clear()
        self.detector.refresh()
        assert self.detector.detect(breaches, now) == len(self.published)
        return list(self.published)

    def take(self, command: FirmCommand) -> Specification:
        return self.spec.when(lambda spec: spec.received(command))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "detectors.pem"
    key = MachineKey("detectors")._private()
    create_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture
def scene(key_file: Path) -> Scene:
    return Scene(given(), key_file)


def test_a_breach_trips_the_breaker_that_it_names(scene: Scene) -> None:
    (command,) = scene.detect(breach(1))
    scene.take(command).then("breaker-tripped")
    tripped = scene.spec.firm.breakers["desk", "newswap"]
    assert (tripped.state, tripped.tripped_by) == ("reducing", "detectors")
    assert tripped.reason == "limit day of desk:newswap: would go over its cap"


def test_the_same_breach_always_asks_under_the_same_id_and_another_under_another(scene: Scene) -> None:
    (first,), (again,), (other,) = scene.detect(breach(1)), scene.detect(breach(1)), scene.detect(breach(2))
    assert first == again
    assert first.command_id == command_id(BREACHED, breach(1).digest) != other.command_id


def test_a_command_that_comes_again_dies_at_governance(scene: Scene) -> None:
    (command,) = scene.detect(breach(1))
    (later,) = scene.detect(breach(1), now=START + 1)
    scene.take(command).then("breaker-tripped")
    scene.take(command).then_nothing()
    scene.take(later).then_rejected(IdempotencyConflict)


def test_breaches_of_one_batch_ask_for_each_breaker_once_in_each_state(scene: Scene) -> None:
    commands = scene.detect(breach(1), breach(2), breach(3, state="open"), breach(4, subject="*"), breach(5))
    bodies = [(body.subject, body.state) for command in commands if isinstance(body := command.body, TripBreaker)]
    assert bodies == [("newswap", "reducing"), ("newswap", "open"), ("*", "reducing")]


@pytest.mark.parametrize(
    ("tripped", "breached", "asks"),
    [("reducing", "reducing", 0), ("reducing", "open", 1), ("open", "reducing", 0), ("open", "open", 0)],
)
def test_what_is_tripped_as_far_already_is_not_asked_for(
    scene: Scene, tripped: BreakerState, breached: BreakerState, asks: int
) -> None:
    scene.spec.given(trip("rita", "desk", "newswap", tripped))
    assert len(scene.detect(breach(1, state=breached))) == asks


def test_after_a_reset_the_next_breach_asks_again(scene: Scene) -> None:
    scene.spec.given(trip("rita", "desk", "newswap"), propose_reset("rita"), approve("cora"), approve("carl"))
    assert len(scene.detect(breach(1))) == 1


def test_what_policy_refuses_the_detectors_stays_closed(key_file: Path) -> None:
    scene = Scene(given(systems=[firm.system("treasury-bot", "trader"), firm.system("detectors", desks=[])]), key_file)
    (command,) = scene.detect(breach(1))
    scene.take(command).then_rejected(refusals.PolicyRefuses)


def test_without_a_key_it_says_so_once_there_is_something_to_ask(tmp_path: Path) -> None:
    scene = Scene(given(), tmp_path / "missing.pem")
    assert scene.detect() == []
    with pytest.raises(NotRegistered, match="have no key"):
        scene.detect(breach(1))


def test_a_key_that_governance_does_not_know_asks_for_nothing(tmp_path: Path) -> None:
    keyfile.generate(tmp_path / "other.pem")
    with pytest.raises(NotRegistered, match="have governance register it"):
        Scene(given(), tmp_path / "other.pem").detect(breach(1))


def test_a_key_that_was_revoked_asks_for_nothing(scene: Scene) -> None:
    rights = access("detectors", status="revoked", kind="system", site="zurich", desks=[], credentials=[])
    scene.spec.given(propose_access("rita", rights), approve("cora"), approve("carl"))
    with pytest.raises(NotRegistered):
        scene.detect(breach(1))


def test_what_it_asks_for_is_logged_with_the_detector(scene: Scene) -> None:
    with capture_logs() as lines:
        scene.detect(breach(1))
    assert [(line["event"], line["detector"]) for line in lines] == [("breaker asked for", "limit-breached")]

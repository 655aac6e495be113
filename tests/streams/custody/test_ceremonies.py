"""A key in shares is reported when all its cosigners vouch for it in one session; otherwise others retry, a few times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.canonical import session_id
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyRotated
from schemas.sessions import Accusation
from schemas.topics import COSIGNERS
from streams.custody.ceremonies import ATTEMPT_SECONDS_MAX, ATTEMPTS_MAX, PAUSE_SECONDS
from tests.streams.custody.scene import UNREADY, Scene, cosigner_message
from tests.streams.rules.governance.changes.keys.ceremonies import (
    DESTROY,
    GENERATED,
    KEY,
    ROTATE,
    address,
    agreed,
    destroyed,
    generate,
    of_firm,
    public_key,
    recover,
    vouched,
)
from tests.streams.rules.governance.changes.specification import START, Step

SHARED = agreed(generate())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A key in shares was ordered, and the first session opened."""
    found = Scene(of_firm(*SHARED), tmp_path)
    assert found.act() == []
    return found


def test_a_session_names_what_was_ordered_and_all_who_are_to_hold_it(scene: Scene) -> None:
    [opened] = scene.opened
    assert (opened.kind, opened.key_id, opened.epoch, opened.attempt) == ("generate", KEY, 0, 1)
    assert opened.participants == list(COSIGNERS)
    assert opened.ordered_position == scene.spec.log[-1].recorded.event.position
    assert opened.session_id == session_id(opened)


def test_what_all_vouch_for_is_reported(scene: Scene) -> None:
    before = scene.custodian.has_orders
    scene.all_vouch()
    assert len(scene.act()) == 1
    assert scene.spec.only(KeyGenerated).address == address(KEY)
    assert scene.act(10_000) == []
    assert (before, scene.custodian.has_orders) == (True, False)
    assert len(scene.opened) == 1


def test_while_one_has_not_spoken_nothing_is(scene: Scene) -> None:
    for place in range(1, 5):
        scene.hear(place, "vouched", vouched(place))
    assert scene.act(ATTEMPT_SECONDS_MAX - 1) == []
    scene.hear(5, "vouched", vouched(5))
    assert len(scene.act()) == 1


WRONG: list[tuple[str, Callable[[Scene], None]]] = [
    ("a word signed by another", lambda scene: scene.hear(5, "vouched", vouched(5), keys="mallory")),
    ("a word in another session", lambda scene: scene.hear(5, "vouched", vouched(5), session_id="0" * 64)),
    ("a word that cannot be read", lambda scene: scene.hear(5, "vouched", b"{}")),
    ("a message of the protocol", lambda scene: scene.hear(5, "round", vouched(5))),
    ("a word of a stranger", lambda scene: scene.hear(6, "vouched", vouched(5))),
]


@pytest.mark.parametrize("tell", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_not_a_participants_own_word_counts_for_nothing(scene: Scene, tell: Callable[[Scene], None]) -> None:
    for place in range(1, 5):
        scene.hear(place, "vouched", vouched(place))
    tell(scene)
    assert scene.act() == []
    scene.hear(5, "vouched", vouched(5))
    assert len(scene.act()) == 1


def differ(scene: Scene) -> None:
    """Four have one key, the fifth another."""
    for place in range(1, 5):
        scene.hear(place, "vouched", vouched(place, scene.opened[-1].attempt))
    other = vouched(5, scene.opened[-1].attempt, address=address("mine"), public_key=public_key("mine"))
    scene.hear(5, "vouched", other)


def tell_of_four(scene: Scene) -> None:
    for place in range(1, 5):
        scene.hear(place, "vouched", vouched(place, scene.opened[-1].attempt))


def forge_a_word(scene: Scene) -> None:
    """The fifth says what the others say, under a signature that is not its own: governance would refuse it for ever."""
    tell_of_four(scene)
    scene.hear(5, "vouched", vouched(5, scene.opened[-1].attempt, keys="mallory"))


def speak_for_another(scene: Scene) -> None:
    """The fifth repeats the word of the fourth."""
    tell_of_four(scene)
    scene.hear(5, "vouched", vouched(4, scene.opened[-1].attempt))


LOST: list[tuple[str, Callable[[Scene], None], float, str]] = [
    ("one refuses", lambda scene: scene.hear(2, "refused", UNREADY), 0, "cosigner-2: governance is still on its way"),
    (
        "one bans another",
        lambda scene: scene.hear(2, "banned", Accusation(cosigner="cosigner-4", signing_key="0x00", reason="a wrong proof")),
        0,
        "cosigner-2: will not run anything with cosigner-4 again: a wrong proof",
    ),
    ("all are silent", lambda _: None, ATTEMPT_SECONDS_MAX, "cosigner-5 said nothing in 90 s"),
    ("one forges its own word", forge_a_word, 0, "the signature of cosigner-5 does not hold"),
    ("one speaks for another", speak_for_another, 0, "cosigner-5 has not vouched for it"),
    ("one vouches for another key", differ, 0, "its cosigners do not vouch for the same key"),
]


@pytest.mark.parametrize(("tell", "seconds"), [row[1:3] for row in LOST], ids=[row[0] for row in LOST])
def test_an_attempt_that_is_lost_is_followed_by_another_under_another_epoch(
    scene: Scene, tell: Callable[[Scene], None], seconds: float
) -> None:
    tell(scene)
    assert scene.act(seconds) == []
    assert len(scene.opened) == 1
    scene.act(PAUSE_SECONDS)
    assert [opened.attempt for opened in scene.opened] == [1, 2]
    scene.all_vouch()
    scene.act()
    assert scene.spec.firm.keys[KEY].epoch == 2


@pytest.mark.parametrize(("tell", "seconds", "words"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_after_so_many_attempts_the_order_has_failed(
    scene: Scene, tell: Callable[[Scene], None], seconds: float, words: str
) -> None:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        assert scene.opened[-1].attempt == attempt
        tell(scene)
        scene.act(seconds)
        scene.act(PAUSE_SECONDS)
    assert words in scene.spec.only(KeyFailed).refusal.message
    assert len(scene.opened) == ATTEMPTS_MAX
    assert scene.act(10_000) == []


def test_attempts_are_counted_on_after_a_restart(scene: Scene) -> None:
    scene.start()
    scene.act()
    assert [opened.attempt for opened in scene.opened] == [1, 2]
    scene.all_vouch()
    scene.act()
    assert scene.spec.only(KeyGenerated).epoch == 2


def of_key(*steps: Step, folder: Path) -> Scene:
    found = Scene(of_firm(*GENERATED, *steps), folder)
    found.act()
    return found


def test_a_refresh_is_of_the_present_epoch(tmp_path: Path) -> None:
    scene = of_key(*agreed(ROTATE), folder=tmp_path)
    assert (scene.opened[-1].kind, scene.opened[-1].epoch) == ("refresh", 1)
    scene.all_vouch()
    scene.act()
    assert scene.spec.only(KeyRotated).epoch == 2
    scene.custodian.hear(cosigner_message(scene.opened[-1].session_id, 1, "vouched", vouched(1, 2)))
    assert scene.act(10_000) == []


def test_a_recovery_is_by_who_has_the_place_now(tmp_path: Path) -> None:
    scene = of_key(*agreed(recover()), folder=tmp_path)
    assert scene.opened[-1].kind == "recover"
    for place in (1, 2, 4, 5):
        scene.hear(place, "vouched", vouched(place, 2))
    scene.hear(3, "vouched", vouched(3, 2))
    assert scene.act() == []
    scene.hear(3, "vouched", vouched(3, 2, keys="a new one"), keys="a new one")
    scene.act()
    assert scene.spec.only(KeyRotated).reason == "recovered"


def test_an_end_is_reported_when_all_have_destroyed_their_shares(tmp_path: Path) -> None:
    scene = of_key(*agreed(DESTROY), folder=tmp_path)
    for place in range(1, 6):
        assert scene.act() == []
        scene.hear(place, "destroyed", destroyed(place, START))
    scene.act()
    assert len(scene.spec.only(KeyDestroyed).proofs) == 5


@pytest.mark.parametrize("wrong", [{"destroyed_at": START + 10**15}, {"what": "nothing at all"}, {"keys": "mallory"}])
def test_a_proof_that_governance_would_refuse_leaves_no_order_open_for_ever(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """One cosigner's nonsense would otherwise keep the key from being recovered by somebody else, for good."""
    scene = of_key(*agreed(DESTROY), folder=tmp_path)
    for _ in range(ATTEMPTS_MAX):
        for place in range(1, 6):
            scene.hear(place, "destroyed", destroyed(place, START, **(wrong if place == 5 else {})))
        scene.act()
        scene.act(PAUSE_SECONDS)
    assert "cosigner-5" in scene.spec.only(KeyFailed).refusal.message
    assert not scene.custodian.has_orders

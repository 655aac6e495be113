"""Thieves of shares, alone and with insiders: two shares are useless, and the third cosigner judges for itself.

The cosigners are the real participants, with real shares, disks and memories; a list stands in for Kafka. The thieves have
everything of one or two of them: folders, keys, shares, voices; and the enclave's and the desk's credentials besides.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from infra.ethereum import transaction
from infra.keys.sealing import FileSealer, SealRefused
from infra.keys.threshold import SessionAborted, Share, Signing
from infra.keys.vault import ShareVault
from schemas.events.base import Event
from schemas.events.lifecycle import ApprovalGiven, Approved, PolicyEvaluated, Signed, Simulated
from schemas.sessions import SessionOpened
from schemas.topics import COSIGNERS
from schemas.values import Slug
from streams.rules.decider import Received
from streams.sessions.signed_messages import MessageSigner
from tests.infra.keys.ring import generated, play
from tests.world.line.cosigners import KEY, Table, identity, of_cosigners
from tests.world.line.forgery import Change, examined, facts, fields, rewritten, where
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import STRANGER, pay

pytestmark = [pytest.mark.cluster, pytest.mark.shares]

DIGEST: Final = bytes(range(32))
HONEST, ROBBERY = "o1", "o2"
INSIDERS: Final = ("sven", "cora")
"""A senior risk officer and a compliance officer. A payment to a stranger of this size needs the chief risk officer as well."""
OUTSIDER: Final = "carl"
STOLEN: Final[tuple[Slug, Slug]] = ("cosigner-1", "cosigner-2")


@dataclass(frozen=True)
class Heist:
    """Five cosigners after one honest signature, and a log in which two insiders' approvals are said to be enough."""

    table: Table
    simulated: Received
    log: list[Received]

    def share(self, name: Slug) -> Share:
        """The secrets of a thief of a cosigner's whole machine."""
        return self.table.seats[name].shares.get("mpc", KEY, self.table.firm.keys[KEY].epoch)

    @property
    def digest(self) -> bytes:
        """The digest that the thieves want signed."""
        assert isinstance(self.simulated.record, Simulated)
        return transaction.digest(transaction.from_record(self.simulated.record.transaction))


def two_are_enough(line: Line) -> Change:
    """The desk leaves the third approval out, and says that policy allows it."""
    counted = [given for given in line.events(Approved, ROBBERY)[0].approvals if given.principal in INSIDERS]

    def change(event: Event) -> Event | list[Event] | None:
        if isinstance(event, PolicyEvaluated) and event.outcome == "allowed":
            return facts(approvals=counted)(event)  # type: ignore[no-any-return]
        return fields(approvals=counted)(event) if isinstance(event, Approved) else event

    def robbed(event: Event) -> Event | list[Event] | None:
        if isinstance(event, ApprovalGiven) and event.approver == OUTSIDER:
            return None
        return where(PolicyEvaluated, ROBBERY, change)(where(Approved, ROBBERY, change)(event))  # type: ignore[arg-type]

    return robbed


@pytest.fixture(scope="module")
def heist(tmp_path_factory: pytest.TempPathFactory) -> Heist:
    """Made once: a key in five shares takes seconds."""
    table = Table(Line(of_cosigners()), tmp_path_factory.mktemp("table"))
    table.make_key()
    line = table.line
    line.use(table.signer())
    line.send(HONEST, pay("1000", wallet_id=KEY))
    line.run()
    assert line.outcome(HONEST) == "signed"
    line.send(ROBBERY, pay("300000", to=STRANGER, wallet_id=KEY))
    line.run("desk")
    for approver in (*INSIDERS, OUTSIDER):
        line.approve(ROBBERY, approver)
        line.run("desk")
    line.run("desk", "execution")
    line.records[:] = rewritten(line.records, two_are_enough(line))
    table.away.update(STOLEN)
    return Heist(table, simulated_of(line, ROBBERY), list(line.records))


# One share ----------------------------------------------------------------------------------------------------------------


def test_a_share_signs_nothing_alone(heist: Heist) -> None:
    with pytest.raises(ValueError, match="exactly 2 others"):
        Signing(heist.share("cosigner-1"), bytes(32), [], DIGEST)


@pytest.fixture(scope="module")
def made_up() -> Mapping[int, Share]:
    """Shares of a key of the thief's own."""
    return generated(3, 3)


def played(heist: Heist, made_up: Mapping[int, Share], *stolen: int) -> None:
    """A signature is attempted with the stolen shares, and made up ones in the others' places."""
    shares = {party: heist.share(f"cosigner-{party}") if party in stolen else made_up[party] for party in made_up}
    play(
        {
            party: Signing(share, b"\x01" * 32, [other for other in shares if other != party], heist.digest)
            for party, share in shares.items()
        }
    )


def test_a_share_signs_nothing_with_shares_that_its_thief_has_made_up(heist: Heist, made_up: Mapping[int, Share]) -> None:
    with pytest.raises(SessionAborted):
        played(heist, made_up, 1)


def test_a_copied_folder_opens_nothing_without_the_key_that_sealed_it(heist: Heist, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    shutil.copytree(heist.table.folder / "cosigner-1" / "mpc", taken)
    thief = ShareVault(taken, FileSealer(tmp_path / "sealing.key"))
    with pytest.raises(SealRefused):
        thief.get(KEY, heist.table.firm.keys[KEY].epoch)


# Two shares, two insiders -------------------------------------------------------------------------------------------------


def test_two_shares_sign_nothing_by_themselves(heist: Heist) -> None:
    for one, other in ((1, 2), (2, 1)):
        with pytest.raises(ValueError, match="exactly 2 others"):
            Signing(heist.share(f"cosigner-{one}"), bytes(32), [other], heist.digest)


def test_two_shares_sign_nothing_with_a_third_that_is_made_up(heist: Heist, made_up: Mapping[int, Share]) -> None:
    with pytest.raises(SessionAborted):
        played(heist, made_up, 1, 2)


def opened(heist: Heist, *honest: Slug) -> SessionOpened:
    """A session over the robbery that whoever has the enclave's credentials opens, past any judgement of the enclave."""
    assert isinstance(heist.simulated.record, Simulated)
    order = {"order_id": heist.simulated.record.order_id, "simulated_hash": heist.simulated.digest}
    return heist.table.opened("sign", participants=[*STOLEN, *honest], **order)  # type: ignore[arg-type]


def said_by(heist: Heist, session: SessionOpened, *parties: int) -> None:
    """The stolen shares begin the protocol, in their owners' voices."""
    for party in (1, 2):
        others = [each for each in parties if each != party]
        signing = Signing(heist.share(f"cosigner-{party}"), bytes.fromhex(session.session_id), others, heist.digest)
        pen = MessageSigner(identity(f"cosigner-{party}"))
        for spoken in signing.start():
            if spoken.receiver is None:
                heist.table.say(pen.told(session.session_id, "round", 1, spoken.payload))


@pytest.mark.parametrize("honest", [name for name in COSIGNERS if name not in STOLEN])
def test_the_third_cosigner_judges_for_itself_and_tells_the_thieves_nothing(heist: Heist, honest: Slug) -> None:
    session = opened(heist, honest)
    heist.table.say(session)
    said_by(heist, session, 1, 2, COSIGNERS.index(honest) + 1)
    heist.table.settle()
    assert heist.table.refused(session) == {honest: "policy"}
    assert honest not in heist.table.messages(session, "round")
    assert not heist.table.messages(session, "signed")


def test_the_enclave_itself_refuses_it_by_the_same_check(heist: Heist) -> None:
    found = examined(heist.log, heist.table.line.now, [heist.simulated])
    assert (found.of(ROBBERY), found.digests) == ("policy", [])


def test_nothing_was_signed_but_what_was_honest(heist: Heist) -> None:
    assert [signed.order_id for signed in heist.table.line.events(Signed)] == [heist.table.line.order_id(HONEST)]

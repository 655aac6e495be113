"""One contract for every signing backend, and a scene for each backend.

A scene is the whole line with a wallet whose key the backend keeps, and another wallet whose key it does not have.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from infra.ethereum import transaction
from infra.ethereum.transaction import CURVE_ORDER, signer_of
from infra.hsm.errors import DigestLength
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.keys.software import SoftwareKeys
from schemas.events.base import FirmEvent
from schemas.events.lifecycle import Signed, SigningRefused, Simulated
from schemas.firm_commands import ProposeKey
from schemas.keys import KeyBackend, KeyHolder, SafeAccount, SuspendKey
from schemas.values import Address
from streams.judging.installation import EnclaveSettings
from streams.rules.firm.view import Governance, GovernanceFold
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Signer, Task
from streams.signing.backends.hsm import HsmSigner
from streams.signing.backends.safe import with_safes
from streams.signing.backends.software import NotForDevelopment, SoftwareSigner
from streams.signing.backends.switch import SwitchingSigner
from tests.streams.cosigning.conftest import made_again
from tests.world.line.cosigners import Table, of_cosigners
from tests.world.line.line import KeyInMemory, Line, simulated_of
from tests.world.line.scenery import genesis, pay, wallet
from tests.world.line.simulated_safe import SAFE, SafeChainInMemory

pytestmark = [pytest.mark.shares, pytest.mark.token]

ASKED_MAX: Final = 100
WALLET: Final = "kept"
DEVELOPMENT: Final = EnclaveSettings.model_validate({"PROOFDESK_DEVELOPMENT": True})


@dataclass
class Scene:
    """A line that is ready to sign with one backend."""

    line: Line
    signer: Signer
    backend: KeyBackend
    sender: Address
    wallet_id: str = WALLET
    in_shares: bool = False
    suspends: str = WALLET
    """The key without which it signs nothing."""

    def __post_init__(self) -> None:
        self.line.use(self.signer)

    def task(self) -> Task:
        """An order before the enclave, as the enclave would have it signed."""
        self.line.send("o1", pay("1000", wallet_id=self.wallet_id))
        self.line.run("desk", "execution")
        received = simulated_of(self.line, "o1")
        simulated = received.record
        assert isinstance(simulated, Simulated)
        unsigned = transaction.from_record(simulated.transaction)
        return Task(simulated, received.digest, transaction.digest(unsigned), self.backend, self.wallet_id)

    def signs_for(self, task: Task, made: Made) -> Address:
        """The signer over the task's bytes, or over these with the signatures of a Safe's owners in them."""
        return signer_of(task.digest if made.transaction is None else transaction.digest(made.transaction), made.signature)

    def made(self, task: Task) -> Made:
        """Asked until those who take part have taken part."""
        for _ in range(ASKED_MAX):
            made = self.signer.sign(task)
            if isinstance(made, Made):
                return made
            self.line.now += 20_000
        raise AssertionError(f"no signature: {made}")


def software(folder: Path, _: ExitStack) -> Scene:
    keys = SoftwareKeys(folder / "keys")
    address = keys.generate_key(WALLET)
    return _in_one_place("software", address, SoftwareSigner(keys, DEVELOPMENT))


def hsm(folder: Path, resources: ExitStack) -> Scene:
    token = resources.enter_context(Token.open(initialise(folder)))
    return _in_one_place("hsm", token.generate_key(WALLET), HsmSigner(token))


def safe(folder: Path, resources: ExitStack) -> Scene:
    token = resources.enter_context(Token.open(initialise(folder)))
    owners = [KeyHolder(address=token.generate_key(name), key_backend="hsm", key_id=name) for name in ("one", "two", "three")]
    account = SafeAccount(threshold=2, owners=owners, executor=owners[0])
    kept = wallet(WALLET, address=SAFE, key_backend="safe", safe=account)
    line = Line(genesis(wallets=[kept]), chain=SafeChainInMemory(account=account))
    signer = with_safes({"hsm": HsmSigner(token)}, lambda: firm_of(line))
    return Scene(line, signer, "safe", account.executor.address, suspends=account.executor.key_id)


def firm_of(line: Line) -> Governance:
    """The firm, as the line's log says."""
    fold = GovernanceFold()
    for received in line.records:
        if isinstance(received.record, FirmEvent):
            fold.accept(received.record)
    return fold.view


def _in_one_place(backend: KeyBackend, address: Address, signer: Signer) -> Scene:
    wallets = [wallet(WALLET, address=address, key_backend=backend), wallet("keyless", key_backend=backend)]
    return Scene(Line(genesis(wallets=wallets)), SwitchingSigner({backend: signer}), backend, address)


def shared(table: Table, backend: KeyBackend) -> Scene:
    mpc = table.signer()
    (address,) = (
        each.address for each in table.firm.wallets.values() if each.key_backend == backend and each.wallet_id == backend
    )
    return Scene(table.line, SwitchingSigner({"mpc": mpc, "hybrid": mpc}), backend, address, backend, True, backend)  # noqa: FBT003 - in shares


@pytest.fixture(scope="session")
def table_with_keys(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Five cosigners with a key of each kind that is in shares. Not to be used further."""
    unheld = [wallet("keyless", key_backend="mpc")]
    table = Table(Line(of_cosigners(wallets=unheld)), tmp_path_factory.mktemp("table"))
    table.make_key("mpc", "mpc")
    table.make_key("hybrid", "hybrid")
    return table


IN_ONE_PLACE: Final[dict[str, Callable[[Path, ExitStack], Scene]]] = {"software": software, "hsm": hsm, "safe": safe}
IN_SHARES: Final[tuple[KeyBackend, ...]] = ("mpc", "hybrid")


@pytest.fixture(params=[*IN_ONE_PLACE, *IN_SHARES])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as resources:
        if request.param in IN_ONE_PLACE:
            yield IN_ONE_PLACE[request.param](tmp_path, resources)
        else:
            made: Table = request.getfixturevalue("table_with_keys")
            folder = tmp_path / "table"
            shutil.copytree(made.folder, folder)
            line = made_again(made.line)
            line.keys.update(made.line.keys)  # people's keys count on: an older count is refused
            yield shared(Table(line, folder), request.param)


# The contract ---------------------------------------------------------------------------------------------------------


def test_a_signature_is_the_wallets_own_over_exactly_these_bytes_and_low(scene: Scene) -> None:
    task = scene.task()
    made = scene.made(task)
    assert scene.signs_for(task, made) == scene.sender
    assert made.signature.s <= CURVE_ORDER // 2


def test_it_says_who_took_part(scene: Scene) -> None:
    made = scene.made(scene.task())
    assert (len(made.cosigners), made.epoch, bool(made.session_id)) == ((3, 1, True) if scene.in_shares else (0, 0, False))


def test_asked_again_it_signs_again_or_says_the_same(scene: Scene) -> None:
    task = scene.task()
    first, second = scene.made(task), scene.made(task)
    assert {scene.signs_for(task, made) for made in (first, second)} == {scene.sender}
    assert not scene.in_shares or first.signature == second.signature, (
        "shares' signatures are random: two would be two transactions"
    )


def test_a_key_that_it_does_not_have_is_refused_by_name(scene: Scene) -> None:
    task = replace(scene.task(), key_id="keyless")
    with pytest.raises(KeyUnusable, match="keyless") as refused:
        scene.signer.sign(task)
    assert refused.value.check == "key"


@pytest.mark.parametrize("key_id", ["é", "", "k" * 100])
def test_what_cannot_be_the_name_of_a_key_is_refused(scene: Scene, key_id: str) -> None:
    with pytest.raises(KeyUnusable):
        scene.signer.sign(replace(scene.task(), key_id=key_id))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_bytes_that_are_no_digest_are_never_signed(scene: Scene, length: int) -> None:
    """A token would sign a part of them."""
    task = replace(scene.task(), digest=bytes(length))
    try:
        made = [scene.signer.sign(task) for _ in range(3)]
    except (DigestLength, KeyUnusable):
        return
    assert scene.in_shares
    assert all(isinstance(each, Pending) for each in made), "cosigners derive the bytes for themselves, and never these"


def test_in_the_line_it_signs_one_order_after_the_other_and_attests_to_it(scene: Scene) -> None:
    for name in ("o1", "o2"):
        scene.line.send(name, pay("1000", wallet_id=scene.wallet_id))
        scene.line.run()
    signed = [scene.line.events(Signed, name)[0] for name in ("o1", "o2")]
    assert signed[1].nonce == signed[0].nonce + 1
    for each in signed:
        raw = bytes.fromhex(each.raw_transaction[2:])
        assert transaction.recover_sender(raw) == scene.sender
        assert each.attestation is not None
        assert (each.attestation.backend, each.attestation.key_id) == (scene.backend, scene.wallet_id)
        assert len(each.attestation.cosigners) == (3 if scene.in_shares else 0)


def test_in_the_line_a_suspended_key_signs_nothing(scene: Scene) -> None:
    scene.task()
    scene.line.change_firm(ProposeKey(change=SuspendKey(key_id=scene.suspends), reason="a review"), by="sven")
    scene.line.run()
    (refused,) = scene.line.events(SigningRefused, "o1")
    assert (refused.refusal.check, scene.line.events(Signed, "o1")) == ("key", [])


# Of one backend -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "PROOFDESK_DEVELOPMENT=1"),
        ({"PROOFDESK_PRODUCTION": True}, "never used in production"),
        ({"PROOFDESK_PRODUCTION": True, "PROOFDESK_DEVELOPMENT": True}, "never used in production"),
    ],
)
def test_keys_in_files_are_refused_unless_it_is_said_to_be_development(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, bool], reason: str
) -> None:
    for name in ("PROOFDESK_PRODUCTION", "PROOFDESK_DEVELOPMENT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotForDevelopment, match=reason):
        SoftwareSigner(SoftwareKeys(tmp_path), EnclaveSettings.model_validate(said))


def test_an_enclave_without_a_backend_says_which_it_has() -> None:
    signer = with_safes({"hsm": KeyInMemory()}, lambda: None)  # type: ignore[arg-type, return-value] # nobody asks
    scene = Scene(Line(genesis(wallets=[wallet(WALLET)])), signer, "hsm", "")
    with pytest.raises(KeyUnusable, match="kept by mpc, and this enclave has hsm, safe"):
        signer.sign(replace(scene.task(), backend="mpc"))

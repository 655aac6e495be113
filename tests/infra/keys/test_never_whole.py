"""The whole key is never in memory, even in a process that holds and signs with enough shares for it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import pytest
from coincurve import PrivateKey

from infra.keys.sealing import FileSealer
from infra.keys.threshold import Share
from infra.keys.vault import ShareVault
from tests.infra.keys.reconstruction import reconstructed, remembered, secret_of
from tests.infra.keys.ring import refreshed

pytestmark = pytest.mark.shares

ROOT = Path(__file__).parents[3]
Shares = Mapping[int, Share]

SIGNER = """
import gc, sys
from pathlib import Path
from infra.keys.sealing import FileSealer
from infra.keys.vault import ShareVault
from tests.infra.keys.ring import refreshed, signed
folder = Path(sys.argv[1])
shares = {party: ShareVault(folder / str(party), FileSealer(folder / f"{party}.key")).get("w1", 1) for party in range(1, 6)}
signed(shares, [1, 2, 3], bytes(32))
print("signed", flush=True)
sys.stdin.readline()
shares = refreshed(shares)
gc.collect()
print("refreshed", flush=True)
sys.stdin.readline()
"""


@contextmanager
def signing_process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", SIGNER, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def reached(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_any_three_shares_make_up_the_key_and_no_two_do(shares: Shares) -> None:
    keys = {reconstructed(some) for some in combinations(shares.values(), 3)}
    assert len(keys) == 1
    assert PrivateKey.from_int(keys.pop()).public_key.format(compressed=False) == shares[1].public_key
    for pair in combinations(shares.values(), 2):
        guess = PrivateKey.from_int(reconstructed(pair)).public_key.format(compressed=False)
        assert guess != shares[1].public_key


def test_shares_of_two_epochs_make_up_nothing(shares: Shares) -> None:
    fresh = refreshed(shares)
    key = reconstructed([shares[party] for party in (1, 2, 3)])
    assert reconstructed([fresh[party] for party in (1, 2, 3)]) == key
    for mixed in ([shares[1], shares[2], fresh[3]], [shares[1], fresh[2], fresh[3]]):
        assert reconstructed(mixed) != key


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc/<pid>/mem")
def test_the_key_is_in_no_memory_and_dead_shares_are_wiped(tmp_path: Path, shares: Shares) -> None:
    for party, share in shares.items():
        ShareVault(tmp_path / str(party), FileSealer(tmp_path / f"{party}.key")).put("w1", 1, share)
    key = reconstructed([shares[party] for party in (1, 2, 3)])
    old = {secret_of(share) for share in shares.values()}
    with signing_process(tmp_path) as process:
        assert reached(process) == "signed"
        assert remembered(process.pid, {key, *old}) == old, "the shares, which shows that the look sees what is there"
        go_on(process)
        assert reached(process) == "refreshed"
        assert remembered(process.pid, {key, *old}) == set()

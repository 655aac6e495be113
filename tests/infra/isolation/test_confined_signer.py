"""The sandbox and the token work together: a confined process still signs, and can no longer read its own PIN."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.isolation import landlock, syscall_filter

pytestmark = pytest.mark.token

ROOT = Path(__file__).parents[3]

SIGNER = """
import sys
from pathlib import Path
from infra.hsm.settings import TokenSettings
from infra.hsm.token import Token
from infra.isolation.sandbox import confine, runtime_paths
module, label, pin_file, config_file = sys.argv[1:]
settings = TokenSettings(Path(module), label, Path(pin_file), Path(config_file))
tokens = settings.pin_file.parent / "tokens"
with Token.open(settings) as token:
    held = confine(read=[*runtime_paths(), tokens], write=[], connect_ports=[], demand_complete=True)
    assert held.complete
    for n in range(50):
        token.sign_digest("w1", n.to_bytes(32, "big"))
    try:
        settings.pin_file.read_bytes()
    except PermissionError:
        print("signed, PIN out of reach")
"""


@pytest.mark.skipif(
    landlock.abi() < landlock.ABI_TCP or not syscall_filter.available(),
    reason="this kernel lacks Landlock's TCP rules, or libseccomp2 is not installed",
)
def test_a_confined_process_signs_with_its_open_token_and_cannot_read_the_pin_again(tmp_path: Path) -> None:
    settings = initialise(tmp_path)
    with Token.open(settings) as token:
        token.generate_key("w1")
    finished = subprocess.run(
        [sys.executable, "-c", SIGNER, *map(str, (settings.module, settings.label, settings.pin_file)),
         str(settings.config_file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )  # fmt: skip
    assert finished.stdout.splitlines()[-1:] == ["signed, PIN out of reach"], finished.stderr

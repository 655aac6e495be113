"""The units and the manifest state what the isolation rests on, and systemd parses the units."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from infra.local_cluster.processes import EXIT_REFUSED

ROOT: Final = Path(__file__).parents[3]
DEPLOYMENT: Final = ROOT / "infra" / "deployment"
UNITS: Final = ("proofdesk-signer.service", "proofdesk-cosigner@.service", "proofdesk-custodian.service")
HOLDING: Final = (
    "Environment=PROOFDESK_PRODUCTION=1",
    "IPAddressDeny=any",
    "SocketBindDeny=any",
    "RestrictAddressFamilies=AF_INET AF_INET6",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "ProtectProc=invisible",
    "MemoryDenyWriteExecute=yes",
    "LimitCORE=0",
    "MemorySwapMax=0",
    "UMask=0077",
)
EXPOSURE_TENTHS_MAX: Final = 20
NO_PROGRAM: Final = "is not executable: No such file or directory"
"""Said of the installation's own interpreter, which is not there on a machine that only checks."""


def lines_of(unit: str) -> list[str]:
    return (DEPLOYMENT / unit).read_text().splitlines()


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("line", HOLDING)
def test_a_unit_shuts_its_process_in(unit: str, line: str) -> None:
    assert line in lines_of(unit)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_starts_a_program_that_there_is_as_a_user_of_its_own(unit: str) -> None:
    settings = dict(
        line.split("=", 1) for line in lines_of(unit) if line.startswith(("ExecStart=", "User=", "StateDirectory="))
    )
    assert find_spec(settings["ExecStart"].rsplit(" ", 1)[1]) is not None
    assert settings["User"] == settings["StateDirectory"] != "root"


def test_cosigners_and_the_custodian_are_shut_in_as_the_enclave_is() -> None:
    signer, cosigner, custodian = (
        {line for line in lines_of(unit) if "=" in line and "proofdesk" not in line.lower() and not line.startswith("#")}
        for unit in UNITS
    )
    assert signer == cosigner == custodian
    assert f"RestartPreventExitStatus={EXIT_REFUSED}" in signer


@pytest.mark.cluster
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_knows_every_setting_and_finds_little_exposed(tmp_path: Path, unit: str) -> None:
    placed = tmp_path / unit.replace("@", "@1")
    shutil.copy(DEPLOYMENT / unit, placed)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(placed)], capture_output=True, text=True, check=False
    )
    assert [line for line in verified.stderr.splitlines() if NO_PROGRAM not in line] == []
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_TENTHS_MAX}", str(placed)]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


MANIFEST: Final = (
    "pod-security.kubernetes.io/enforce: restricted",
    "policyTypes: [Ingress, Egress]",
    "ingress: []",
    "type: Recreate",
    "automountServiceAccountToken: false",
    "runAsNonRoot: true",
    "readOnlyRootFilesystem: true",
    "drop: [ALL]",
    "accessModes: [ReadWriteOncePod]",
)


@pytest.mark.parametrize("line", MANIFEST)
def test_the_manifest_shuts_the_enclave_in(line: str) -> None:
    assert line in (DEPLOYMENT / "kubernetes" / "signer.yaml").read_text()

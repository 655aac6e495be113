"""Builds the Rust module of threshold keys as a wheel, and installs it into an environment.

maturin, which builds it, has an environment of its own, so that compiling begins at once, beside the installation of the Python
packages. Cargo checks each crate against `Cargo.lock` and changes no version. What was compiled stays in `.runtime/mpc`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from infra.setup.environment import ROOT, SetupFailed, install_wheel, make_environment, run

MANIFEST: Final = ROOT / "infra" / "keys" / "mpc" / "Cargo.toml"
COMPILED: Final = ROOT / ".runtime" / "mpc"
WHEELS: Final = COMPILED / "wheels"
TOOL: Final = ROOT / ".runtime" / "maturin"
TOOL_LOCK: Final = Path(__file__).with_name("maturin.lock")


def build() -> Path:
    """Compile the module; return its wheel, which serves every Python from 3.11 on."""
    make_environment(TOOL, TOOL_LOCK)
    for old in WHEELS.glob("*.whl"):
        old.unlink()
    options = ["--release", "--locked", "--auditwheel", "skip", "--interpreter", sys.executable, "--out", str(WHEELS)]
    environ = {**os.environ, "CARGO_TARGET_DIR": str(COMPILED)}
    run([TOOL / "bin" / "maturin", "build", *options, "--manifest-path", MANIFEST], environ=environ)
    return built()


def built() -> Path:
    """Return the wheel that `build` left; SetupFailed when there is none."""
    found = sorted(WHEELS.glob("*.whl"))
    if len(found) != 1:
        raise SetupFailed(
            f"{len(found)} wheels of threshold keys are in {WHEELS}, not one; remove the folder, then run make setup"
        )
    return found[0]


def main() -> int:
    """Build the wheel, or install the one that was built; print one line about it."""
    parser = argparse.ArgumentParser(description="Build the Rust module of threshold keys.")
    parser.add_argument("--into", type=Path, metavar="ENVIRONMENT", help="install what was built into this environment")
    asked = parser.parse_args()
    try:
        if asked.into is None:
            sys.stdout.write(f"{build().name}\n")
        else:
            install_wheel(asked.into, built())
            sys.stdout.write(f"{built().name} is in {asked.into}\n")
    except SetupFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

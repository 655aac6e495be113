"""Writes the lists that pin every download by its checksum: `make lock`.

Keeps the locked versions wherever they still satisfy what is asked for; `make lock ARGS=--upgrade` takes the newest releases.
A person reads the difference before it is committed. Cargo.lock is Cargo's own to renew, with `cargo update`.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import Final

from infra.setup import jars
from infra.setup.environment import ROOT, SetupFailed, run, settings, uv

GETH: Final = ROOT / "infra" / "setup" / "go-ethereum"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock, what it is made from, and another lock whose versions it shares."""

    path: str
    source: str
    extras: tuple[str, ...] = ()
    shares: str | None = None


LOCKS: Final = (
    Lock("infra/setup/uv.lock", "infra/setup/uv.in"),
    Lock("infra/setup/maturin.lock", "infra/setup/maturin.in"),
    Lock("requirements-dev.lock", "pyproject.toml", ("dev",)),
    Lock("requirements.lock", "pyproject.toml", ("local",), shares="requirements-dev.lock"),
    Lock("requirements-signer.lock", "pyproject.toml", ("signer",), shares="requirements-dev.lock"),
    Lock("tests/bench/requirements-quix.lock", "tests/bench/requirements-quix.in"),
    Lock("tests/bench/requirements-faust.lock", "tests/bench/requirements-faust.in"),
    Lock("tests/bench/requirements-eventsourcing.lock", "tests/bench/requirements-eventsourcing.in"),
    Lock("tests/mutation/requirements.lock", "tests/mutation/requirements.in", shares="requirements-dev.lock"),
)
UNIVERSAL: Final = ("--universal", "--python-version", "3.11", "--generate-hashes")
BARE: Final = ("--quiet", "--no-header", "--no-emit-index-url", "--no-emit-find-links")
"""A lock names no place to download from: each machine has its own mirrors."""


def renew(lock: Lock, arguments: list[str]) -> None:
    """Write one lock of Python packages."""
    extras = [part for extra in lock.extras for part in ("--extra", extra)]
    shared = [] if lock.shares is None else ["-c", lock.shares]
    where = [*extras, *shared, lock.source, "-o", lock.path]
    run([uv(), "pip", "compile", *UNIVERSAL, *BARE, *arguments, *where], cwd=ROOT, environ=settings())


def main() -> int:
    """Renew all lists; say which, one line each."""
    try:
        for lock in LOCKS:
            renew(lock, sys.argv[1:])
            sys.stdout.write(f"{lock.path}\n")
        jars.fetch(renew=True)
        sys.stdout.write(f"{jars.LIST.relative_to(ROOT)}\n")
        run(["npm", "install", "--package-lock-only", "--loglevel=error"], cwd=ROOT)
        sys.stdout.write("package-lock.json\n")
        if shutil.which("go") is None:
            sys.stdout.write(f"not {GETH.relative_to(ROOT)}/go.sum: Go is not installed\n")
        else:
            run(["go", "mod", "tidy"], cwd=GETH)
            sys.stdout.write(f"{GETH.relative_to(ROOT)}/go.sum\n")
    except SetupFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs one part of `make setup`: prints a line when it begins and a line when it ends.

Parts run side by side, so each keeps its output in `.runtime/setup/`, and prints it in one piece, with what to do, only when it
fails. The last line that a part's command prints says what is there now.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOGS: Final = Path(__file__).parents[2] / ".runtime" / "setup"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the set-up, how much it downloads where nothing is cached, and what a person does when it fails."""

    title: str
    downloads: str
    advice: str


NETWORK: Final = "Look at the network and at the mirror's settings"
PARTS: Final = {
    "uv": Part("uv, which installs Python packages", "20 MB", f"{NETWORK} (PIP_INDEX_URL), then run make setup again."),
    "python": Part("Python packages", "100 MB", f"{NETWORK} (PIP_INDEX_URL or UV_DEFAULT_INDEX), then run make setup again."),
    "jars": Part("Kafka's jars", "75 MB", f"{NETWORK} (~/.m2/settings.xml), then run make setup again."),
    "classes": Part("Kafka's classes, archived", "", "See whether a broker starts: make up ARGS='--only kafka'."),
    "npm": Part("anvil and contracts", "30 MB", f"{NETWORK} (~/.npmrc), then run make setup again."),
    "rust": Part(
        "threshold keys, in Rust", "20 MB", "Read the compiler's first error; crates come through ~/.cargo/config.toml."
    ),
    "module": Part("threshold keys' module", "", "Remove .runtime/mpc/wheels, then run make setup again."),
    "geth": Part(
        "go-ethereum, from source", "215 MB", "Only tests need it. Read Go's first error; modules come through GOPROXY."
    ),
}


def run(name: str, command: list[str]) -> int:
    """Run `command` as the part `name`; return its exit code."""
    part = PARTS[name]
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    _say(f"{part.title}: begins" + (f" (up to {part.downloads} to download)" if part.downloads else ""))
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.call(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - the Makefile's
    seconds, lines = time.monotonic() - started, log.read_text("utf-8", "replace").strip().splitlines()
    if code == 0:
        _say(f"{part.title}: done in {seconds:.1f} s" + (f" ({lines[-1].strip()})" if lines else ""))
    else:
        _say("\n".join([f"{part.title}: FAILED after {seconds:.1f} s", *(f"  | {line}" for line in lines), f"  {part.advice}"]))
    return code


def _say(text: str) -> None:
    """Print in one piece, since other parts print too."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Take `NAME COMMAND…` from the command line."""
    try:
        return run(sys.argv[1], sys.argv[2:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

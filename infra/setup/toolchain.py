"""Finds the tools that `make setup` needs: a JDK, Maven, Node, Rust, SoftHSM2, kcat, Python's venv.

As root on Debian or Ubuntu installs the missing ones with apt; elsewhere prints the command that would, and stops. Runs
before any dependency is installed, so it uses the standard library only. Leaves out the versions of Python packages, jars
and npm packages, which are locked.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

JAVA_MAJOR_MIN: Final = 17
RUST_RELEASE_MIN: Final = (1, 88)
"""The threshold signature library needs it. Debian 12 has a newer one beside its old `rustc`, under another name."""
NODE_MAJOR_MIN: Final = 18
"""npm only unpacks packages and anvil is a native binary, so Debian 12's Node 18 is enough."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A required tool, the check for it, and its packages in each package system."""

    name: str
    present: Callable[[], bool]
    apt: tuple[str, ...]
    dnf: tuple[str, ...]
    brew: tuple[str, ...]


def _release(command: str, argument: str) -> tuple[int, ...]:
    """Return the first dotted numbers that `command` prints; an empty tuple when it is missing or fails."""
    path = shutil.which(command)
    if path is None:
        return ()
    asked = subprocess.run([path, argument], capture_output=True, text=True, check=False)  # noqa: S603 - a tool asked for its version
    numbers = re.search(r"\d+(\.\d+)*", asked.stdout + asked.stderr) if asked.returncode == 0 else None
    return tuple(map(int, numbers.group().split("."))) if numbers else ()


TOOLS: Final = (
    Tool(
        f"JDK {JAVA_MAJOR_MIN} or newer",
        lambda: _release("java", "-version") >= (JAVA_MAJOR_MIN,),
        ("default-jdk-headless",),
        ("java-21-openjdk-devel",),
        ("openjdk",),
    ),
    Tool("Maven", lambda: shutil.which("mvn") is not None, ("maven",), ("maven",), ("maven",)),
    Tool(
        f"Node {NODE_MAJOR_MIN} or newer",
        lambda: _release("node", "--version") >= (NODE_MAJOR_MIN,) and shutil.which("npm") is not None,
        ("nodejs", "npm"),
        ("nodejs", "npm"),
        ("node",),
    ),
    Tool(
        f"Rust {'.'.join(map(str, RUST_RELEASE_MIN))} or newer (rustup has it for every system)",
        lambda: _release("rustc", "--version") >= RUST_RELEASE_MIN and shutil.which("cargo") is not None,
        ("rustc-web", "cargo-web"),
        ("rust", "cargo"),
        ("rust",),
    ),
    Tool("SoftHSM2", lambda: shutil.which("softhsm2-util") is not None, ("softhsm2",), ("softhsm",), ("softhsm",)),
    Tool("kcat", lambda: shutil.which("kcat") is not None, ("kcat",), ("kcat",), ("kcat",)),
    Tool(
        "Python's venv",
        lambda: importlib.util.find_spec("ensurepip") is not None,
        ("python3-venv",),
        ("python3",),
        ("python",),
    ),
)


def missing() -> tuple[Tool, ...]:
    """Return the tools that are missing or too old."""
    return tuple(tool for tool in TOOLS if not tool.present())


def instructions(tools: tuple[Tool, ...]) -> str:
    """Return instructions with one command for each package system."""

    def packages(system: str) -> str:
        return " ".join(package for tool in tools for package in getattr(tool, system))

    return "\n".join(
        [
            f"Missing: {', '.join(tool.name for tool in tools)}. Install with one of:",
            f"  sudo apt-get install -y {packages('apt')}",
            f"  sudo dnf install -y {packages('dnf')}",
            f"  brew install {packages('brew')}",
            "then run make again.",
        ]
    )


def may_install() -> bool:
    """Return True if this runs as root on a system with apt."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def install(tools: tuple[Tool, ...]) -> None:
    """Install `tools` with apt; CalledProcessError when apt fails."""
    apt = shutil.which("apt-get") or "apt-get"
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = [package for tool in tools for package in tool.apt]
    subprocess.run([apt, "update", "-qq"], check=True, env=quiet)  # noqa: S603 - fixed arguments
    subprocess.run([apt, "install", "-y", "-qq", "--no-install-recommends", *packages], check=True, env=quiet)  # noqa: S603 - names from TOOLS


def main() -> int:
    """Install or name the missing tools; return 1 while one is missing."""
    lacking = missing()
    if lacking and may_install():
        sys.stdout.write(f"Installing with apt: {', '.join(tool.name for tool in lacking)}\n")
        install(lacking)
        lacking = missing()
    if lacking:
        sys.stderr.write(instructions(lacking) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

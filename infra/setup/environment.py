"""Makes virtual environments that hold exactly the packages of a lock.

Resolves no version: uv installs each line of the lock as it stands, checks every file against its hash, and builds none
from source, since a build would fetch tools that no lock names. uv itself comes by pip from `uv.lock`, with hashes and
without dependencies. An environment that lacks something its packages ask for is an error. Uses the standard library
only: `make setup`, the bench's peers and mutation all call `make_environment`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
UV_FOLDER: Final = ROOT / ".runtime" / "uv"
UV_LOCK: Final = Path(__file__).with_name("uv.lock")
INSTALL_SECONDS_MAX: Final = 900
VERSION: Final = "import sys; print(*sys.version_info[:2], sep='.')"
LOCKED_BUILD_TOOLS: Final[tuple[str | Path, ...]] = (
    *("--require-build-hashes", "--preview-features", "build-dependency-hashes"),
    *("--build-constraints", ROOT / "requirements-dev.lock"),
)
"""The developers' lock, which pins setuptools for environments without it."""
UNSAFE_SETTINGS: Final = ("UV_NO_VERIFY_HASHES", "UV_OVERRIDE", "UV_CONSTRAINT", "UV_EXCLUDE", "VIRTUAL_ENV", "CONDA_PREFIX")
"""Settings of a person's shell that would weaken a check or point to another environment."""


class SetupFailed(Exception):
    """A step of the set-up failed; the message says which and ends with what the tool printed."""


def run(command: Sequence[str | Path], *, cwd: Path | None = None, environ: dict[str, str] | None = None) -> str:
    """Run `command` and return what it printed; SetupFailed when it fails or takes too long."""
    shown = " ".join(str(part) for part in command)
    try:
        done = subprocess.run(  # noqa: S603 - the set-up's own commands
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS_MAX,
        )
    except FileNotFoundError:
        raise SetupFailed(f"{command[0]} is not installed; run make setup, which installs it or says how") from None
    except subprocess.TimeoutExpired:
        raise SetupFailed(f"{shown}\ntook longer than {INSTALL_SECONDS_MAX} s; look at the network, then try again") from None
    if done.returncode != 0:
        raise SetupFailed(f"{shown}\nfailed:\n{done.stdout}")
    return done.stdout


def uv() -> Path:
    """Return the path of the locked uv; install it first where it is missing or not the locked one."""
    stamp, wanted = UV_FOLDER / "proofdesk.stamp", hashlib.sha256(UV_LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        venv.create(UV_FOLDER, with_pip=True, clear=True)
        pip: list[str | Path] = [UV_FOLDER / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", UV_LOCK])
        stamp.write_text(wanted, "utf-8")
    return UV_FOLDER / "bin" / "uv"


def make_environment(folder: Path, lock: Path, *, project: Path | None = None) -> str:
    """Bring `folder` to exactly what `lock` names, with `project` as an editable package; return one line about it.

    Keeps an environment of the same Python, and changes only the packages that differ.
    """
    if folder.is_symlink():
        raise SetupFailed(
            f"{folder} is a link to another environment, which make setup must not change; remove the link, then try again"
        )
    tool, python = uv(), folder / "bin" / "python"
    if _version(python) != _version(Path(sys.executable)):
        run([tool, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, folder], environ=settings())
    install(tool, python, lock)
    if project is not None:
        tools: tuple[str | Path, ...] = ("--no-build-isolation",) if "setuptools" in locked(lock) else LOCKED_BUILD_TOOLS
        options: list[str | Path] = ["--quiet", "--no-deps", *tools, "--python", python, "--editable", project]
        run([tool, "pip", "install", *options], environ=settings())
    run([tool, "pip", "check", "--python", python], environ=settings())
    return f"{len(locked(lock))} packages are as {lock.name} says"


def install(tool: Path, python: Path, lock: Path) -> None:
    """Install every package of `lock` beside `python` and remove all others."""
    sync = ["pip", "sync", "--require-hashes", "--no-build", "--compile-bytecode", "--python"]
    run([tool, *sync, python, lock], environ=settings())


def install_wheel(folder: Path, wheel: Path) -> None:
    """Install a wheel that was built here into the environment `folder`, in place of an older one."""
    options: list[str | Path] = [
        "--quiet",
        "--no-deps",
        "--no-index",
        "--reinstall",
        "--compile-bytecode",
        "--python",
        folder / "bin" / "python",
    ]
    run([uv(), "pip", "install", *options, wheel], environ=settings())


def locked(lock: Path) -> dict[str, str]:
    """Return the version of each package that `lock` names, for any system."""
    lines = (line.split(";")[0].split("\\")[0].strip() for line in lock.read_text("utf-8").splitlines())
    return dict(line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))


def settings() -> dict[str, str]:
    """Return the environment variables for uv: a person's own, with pip's mirror where uv has none, without UNSAFE_SETTINGS."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSAFE_SETTINGS}
    for theirs, ours in (
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
        ("PIP_CERT", "SSL_CERT_FILE"),
    ):
        if theirs in kept:
            kept.setdefault(ours, kept[theirs])
    return kept


def _version(python: Path) -> str | None:
    """Return the release, such as 3.11, of the interpreter; None when it does not run."""
    try:
        asked = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=True)  # noqa: S603 - an interpreter
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


def main() -> int:
    """Make the environment that the command line names; print one line about it."""
    parser = argparse.ArgumentParser(
        description="Make a virtual environment of exactly what a lock names; without one, install uv."
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("lock", type=Path, nargs="?")
    parser.add_argument("--project", type=Path, help="a folder with pyproject.toml, installed as an editable package")
    asked = parser.parse_args()
    try:
        if asked.folder is None or asked.lock is None:
            sys.stdout.write(run([uv(), "--version"]))
        else:
            sys.stdout.write(make_environment(asked.folder, asked.lock, project=asked.project) + "\n")
    except SetupFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fetches the broker's jars with Maven and holds each to its SHA-256.

`infra/kafka/broker/jars.sha256` lists every jar; `sha256sum --check` reads it too. A jar that is missing, changed or not listed
is an error, and the jars that were there before stay. Maven compares downloads with the repository's own checksums as well
(`-C`). Leaves out Maven's plugins, which it loads before it copies: `pom.xml` pins the version of the one that is named.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

from infra.setup.environment import ROOT, SetupFailed, run

BROKER: Final = ROOT / "infra" / "kafka" / "broker"
LIST: Final = BROKER / "jars.sha256"
FOLDER: Final = ROOT / ".runtime" / "kafka-lib"
ADVICE: Final = "If pom.xml was changed on purpose, run make lock and commit jars.sha256; if not, do not use these jars."


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each jar in `folder`, by file name."""
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in sorted(folder.glob("*.jar"))}


def read(listed: Path) -> dict[str, str]:
    """Return the list's SHA-256 of each jar, by file name."""
    lines = (line.split() for line in listed.read_text("utf-8").splitlines())
    return {name: digest for digest, name in lines}


def write(listed: Path, found: dict[str, str]) -> None:
    """Replace the list."""
    listed.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(found.items())), "utf-8")


def verify(folder: Path, listed: Path) -> int:
    """Return how many jars there are; SetupFailed, which names each, when one is missing, changed or not listed."""
    found, wanted = digests(folder), read(listed)
    faults = [
        *(f"missing: {name}" for name in sorted(wanted.keys() - found.keys())),
        *(f"changed: {name}" for name in sorted(wanted.keys() & found.keys()) if wanted[name] != found[name]),
        *(f"not listed: {name}" for name in sorted(found.keys() - wanted.keys())),
    ]
    if faults:
        raise SetupFailed(
            "\n".join([f"The broker's jars are not those of {listed.name}:", *(f"  {each}" for each in faults), ADVICE])
        )
    return len(found)


def fetch(*, renew: bool) -> str:
    """Replace the jars in FOLDER by those of `pom.xml`, once they are verified; return one line about them.

    With `renew`, the list is written from what Maven fetched, and a person reviews the change before it is committed.
    """
    draft = FOLDER.with_name("kafka-lib.draft")
    shutil.rmtree(draft, ignore_errors=True)
    maven = ["mvn", "-q", "-B", "-C", "-f", str(BROKER / "pom.xml"), "dependency:copy-dependencies"]
    run([*maven, f"-DoutputDirectory={draft}", "-DincludeScope=runtime"])
    if renew:
        write(LIST, digests(draft))
    count = verify(draft, LIST)
    size = sum(jar.stat().st_size for jar in draft.glob("*.jar"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    draft.rename(FOLDER)
    return f"{count} jars, {size / 1e6:.0f} MB, are as {LIST.name} says"


def main() -> int:
    """Fetch the jars; print one line about them."""
    parser = argparse.ArgumentParser(description="Fetch the broker's jars.")
    parser.add_argument("--renew", action="store_true", help="write the list from what Maven fetches")
    try:
        sys.stdout.write(fetch(renew=parser.parse_args().renew) + "\n")
    except SetupFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Everything that the set-up downloads has a checksum in the repository."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from infra.setup.environment import ROOT
from infra.setup.lock import LOCKS
from infra.setup.toolchain import TOOLS

SHA256 = re.compile(r"--hash=sha256:[0-9a-f]{64}")
MADE = {".git", ".venv", ".runtime", "node_modules"}
PIP_INSTALL = re.compile(r"""\bpip["']?,?\s+["']?install\b""")


def files(*endings: str) -> list[Path]:
    """The repository's files with those endings, without what `make` made."""
    tops = [path for path in ROOT.iterdir() if path.name not in MADE]
    found = [file for top in tops for file in (top.rglob("*") if top.is_dir() else [top]) if file.is_file()]
    return [file for file in found if file.name.endswith(endings)]


def test_every_lock_of_python_packages_is_known() -> None:
    known = {ROOT / lock.path for lock in LOCKS}
    assert {path for path in files(".lock") if path.name != "Cargo.lock"} == known


@pytest.mark.parametrize("lock", [lock.path for lock in LOCKS])
def test_each_line_of_a_lock_has_a_version_and_hashes_and_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==\S+ ", entry), entry
        assert SHA256.search(entry), entry
    assert "://" not in text


def test_each_npm_package_has_an_integrity() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    others = {name: package for name, package in packages.items() if name}
    assert len(others) > 10
    assert [name for name, package in others.items() if not package.get("integrity", "").startswith("sha512-")] == []


def test_each_crate_has_a_checksum() -> None:
    crates = tomllib.loads((ROOT / "infra/keys/mpc/Cargo.lock").read_text("utf-8"))["package"]
    ours = [crate["name"] for crate in crates if "checksum" not in crate]
    assert len(crates) > 50
    assert ours == ["proofdesk-mpc"]


def test_each_go_module_has_a_sum_and_the_version_stands_once() -> None:
    folder = ROOT / "infra/setup/go-ethereum"
    required = re.findall(r"^(?:require)?\s+(\S+/\S+) (v\S+)", (folder / "go.mod").read_text("utf-8"), re.MULTILINE)
    sums = set(re.findall(r"^(\S+) (v\S+) h1:\S{44}$", (folder / "go.sum").read_text("utf-8"), re.MULTILINE))
    version = dict(required)["github.com/ethereum/go-ethereum"]
    assert set(required) <= sums
    assert [
        file for file in files("Makefile", ".py", ".md", ".toml") if f"go-ethereum@{version}" in file.read_text("utf-8")
    ] == []


def test_each_jar_has_a_checksum() -> None:
    lines = (ROOT / "infra/kafka/broker/jars.sha256").read_text("utf-8").splitlines()
    assert len(lines) > 50
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+\.jar", line) for line in lines)


def test_one_function_alone_installs_python_packages() -> None:
    itself = {Path(__file__), Path(__file__).with_name("test_environment.py")}
    found = {file for file in files("Makefile", ".py", "run", ".sh", ".yml") if PIP_INSTALL.search(file.read_text("utf-8"))}
    assert found - itself == {ROOT / "infra/setup/environment.py"}


def test_what_it_installs_brings_nothing_along() -> None:
    text = (ROOT / "infra/setup/environment.py").read_text("utf-8")
    assert len(PIP_INSTALL.findall(text)) == text.count('"--no-deps"') == 3


def test_the_toolchain_names_a_package_of_every_system() -> None:
    assert all(tool.apt and tool.dnf and tool.brew for tool in TOOLS)

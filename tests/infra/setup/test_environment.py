"""Environments hold what their lock says, whatever newer releases an index offers by then.

A set-up once failed because an index had a newer `coverage` than the lock: pip resolved the requirement `coverage[toml]` before
it read the pin. Here every locked package has a newer release, 9999.0.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path

import pytest

from infra.setup.environment import ROOT, SetupFailed, locked, make_environment, settings, uv
from tests.infra.setup.local_index import serving, sha256, wheel

pytestmark = pytest.mark.cluster

LOCKS = [
    *(
        "requirements-dev.lock",
        "requirements.lock",
        "requirements-signer.lock",
        "tests/mutation/requirements.lock",
        "infra/setup/maturin.lock",
    ),
    *(f"tests/bench/requirements-{peer}.lock" for peer in ("quix", "faust", "eventsourcing")),
]
NEWER = "9999.0"
PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)")
Make = Callable[[str], Path]


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    """An index of all that the locks name, in which each package also has a newer release."""
    releases: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in pins(ROOT / lock).items():
            releases.setdefault(name, {NEWER}).add(version)
    assert {"coverage", "web3", "mutmut"} <= releases.keys()
    with serving({name: [made(name, version) for version in versions] for name, versions in releases.items()}) as url:
        yield url


@pytest.fixture
def make(index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes an environment of a lock's text from that index and nothing else."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("UV_INDEX", "UV_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    lock = tmp_path / "some.lock"

    def environment(text: str) -> Path:
        lock.write_text(text, "utf-8")
        make_environment(tmp_path / "environment", lock)
        return tmp_path / "environment"

    return environment


def pins(lock: Path) -> dict[str, str]:
    return {name.split("[")[0].strip(): version for name, version in locked(lock).items()}


@cache
def made(name: str, version: str) -> tuple[str, bytes]:
    """A wheel that asks for what the real one asks for, where that version is installed here or is the newer one."""
    try:
        real = metadata(name)
    except PackageNotFoundError:
        return wheel(name, version)
    if version not in {real["Version"], NEWER}:
        return wheel(name, version)
    return wheel(name, version, requires(name) or [], real.get_all("Provides-Extra") or [])


def relocked(lock: Path) -> str:
    """The lock with the same names, versions and markers, and the hashes of the wheels that were made up."""
    lines = (line.rstrip("\\ ") for line in lock.read_text("utf-8").splitlines() if PIN.match(line))
    return "\n".join(f"{line} --hash=sha256:{sha256(made(*pinned(line))[1])}" for line in lines)


def pinned(line: str) -> tuple[str, str]:
    found = PIN.match(line)
    assert found
    return found[1], found[2]


def installed(environment: Path) -> dict[str, str]:
    listed = subprocess.run(
        [uv(), "pip", "list", "--format", "json", "--python", environment / "bin" / "python"],
        env=settings(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {each["name"]: each["version"] for each in json.loads(listed)}


@pytest.mark.parametrize("lock", LOCKS)
def test_newer_releases_change_nothing(make: Make, lock: str) -> None:
    found, wanted = installed(make(relocked(ROOT / lock))), pins(ROOT / lock)
    assert found
    assert found.items() <= wanted.items()
    others = {name for name in wanted if name not in found}
    assert all(re.search(rf"^{re.escape(name)}==\S+ ;", (ROOT / lock).read_text("utf-8"), re.MULTILINE) for name in others), (
        "only what is marked for another system is left out"
    )


def test_the_index_does_offer_newer_releases(make: Make) -> None:
    python = make(relocked(ROOT / LOCKS[0])) / "bin" / "python"
    command: list[str | Path] = [uv(), "pip", "install", "--dry-run", "--python", python, "--upgrade", "coverage[toml]"]
    planned = subprocess.run(command, env=settings(), check=True, capture_output=True, text=True).stderr
    assert f"coverage=={NEWER}" in planned


def test_what_the_lock_does_not_name_is_removed(make: Make) -> None:
    first, second = relocked(ROOT / LOCKS[-1]), relocked(ROOT / LOCKS[2])
    assert "eventsourcing" in installed(make(first))
    assert "eventsourcing" not in installed(make(second))


def test_an_environment_that_is_not_closed_is_refused(make: Make) -> None:
    text = "\n".join(line for line in relocked(ROOT / LOCKS[0]).splitlines() if not line.startswith("coverage=="))
    with pytest.raises(SetupFailed, match="coverage"):
        make(text)


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda line: re.sub("sha256:.*", "sha256:" + "0" * 64, line), "(?i)hash mismatch"),
        (lambda line: line.split(" --hash")[0], "(?i)hash"),
        (lambda line: line.replace("==", ">="), "=="),
    ],
    ids=["another hash", "no hash", "no version"],
)
def test_a_line_that_pins_too_little_is_refused(make: Make, spoilt: Callable[[str], str], message: str) -> None:
    lines = relocked(ROOT / LOCKS[2]).splitlines()
    with pytest.raises(SetupFailed, match=message):
        make("\n".join([spoilt(lines[0]), *lines[1:]]))


def test_a_linked_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(SetupFailed, match="link"):
        make_environment(tmp_path / "link", ROOT / LOCKS[0])
    assert not any((tmp_path / "theirs").iterdir())


def test_settings_that_weaken_checks_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_NO_VERIFY_HASHES", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    assert "UV_NO_VERIFY_HASHES" not in settings()
    assert settings()["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"


def test_the_modules_of_the_set_up_need_the_standard_library_only() -> None:
    modules = [path.stem for path in (ROOT / "infra" / "setup").glob("*.py") if path.stem != "__init__"]
    assert len(modules) > 3
    imports = "; ".join(f"import infra.setup.{module}" for module in modules)
    subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {imports}"], check=True)

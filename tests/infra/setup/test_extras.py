"""Each process imports what its extra in pyproject.toml brings, wherever in its code the import stands."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import grimp
import pytest
from packaging.requirements import Requirement

from infra.setup.environment import ROOT, locked

pytestmark = pytest.mark.slow

OURS = ("schemas", "infra", "streams", "commands", "projections")
BUILT_HERE = {"proofdesk_mpc"}
PROCESSES = {
    "streams.signing.__main__": "signer",
    "streams.cosigning.__main__": "signer",
    "streams.custody.__main__": "signer",
    "streams.execution.__main__": "chain",
    "streams.broadcast.__main__": "chain",
    "streams.settlement.__main__": "chain",
    "streams.prices.__main__": "chain",
    "streams.desk.__main__": "",
    "streams.governance.__main__": "",
    "streams.detectors.__main__": "",
    "commands.gateway.__main__": "gateway",
    "projections.projector.__main__": "projector",
    "commands.cli.__main__": "local",
    "infra.local_cluster.__main__": "local",
    "infra.chain.world.__main__": "local",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OURS, include_external_packages=True, cache_dir=None)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(graph: grimp.ImportGraph, module: str) -> set[str]:
    """The top-level packages of others in all that `module` may import, at once or later."""
    tops = {each.partition(".")[0] for each in graph.find_upstream_modules(module)}
    return tops - set(OURS) - BUILT_HERE - sys.stdlib_module_names


def brought(extra: str) -> set[str]:
    """All that is installed with an extra, by canonical name."""
    named = [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else ())]
    return set(closed(tuple(named)))


@cache
def closed(requirements: tuple[str, ...]) -> frozenset[str]:
    found: set[tuple[str, str]] = set()
    open_ends = [*wanted(requirements, "")]
    while open_ends:
        name, extra = open_ends.pop()
        if (name, extra) not in found:
            found.add((name, extra))
            open_ends += wanted(asked_for(name, extra), extra)
    return frozenset(name for name, _ in found)


def asked_for(name: str, extra: str) -> Iterable[str]:
    if name == "proofdesk":
        named: list[str] = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
        return named
    try:
        return requires(name) or ()
    except PackageNotFoundError:
        return ()


def wanted(requirements: Iterable[str], extra: str) -> Iterator[tuple[str, str]]:
    """The packages, with each of their extras and without, that these ask for on this system."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield from ((canonical(requirement.name), each) for each in ("", *sorted(requirement.extras)))


@pytest.mark.parametrize(("module", "extra"), PROCESSES.items())
def test_a_process_imports_what_its_extra_brings(graph: grimp.ImportGraph, module: str, extra: str) -> None:
    distributions, there = packages_distributions(), brought(extra)
    tops = imported(graph, module)
    assert "pydantic" in tops or "eth_utils" in tops
    assert {top for top in tops if not {canonical(each) for each in distributions[top]} & there} == set()


def test_a_signers_lock_is_what_its_extra_brings_and_has_no_web_server_and_no_database() -> None:
    names = set(locked(ROOT / "requirements-signer.lock"))
    assert names == brought("signer")
    assert names & {"fastapi", "starlette", "uvicorn", "psycopg", "supervisor", "typer", "web3", "aiohttp"} == set()


def test_every_process_is_checked() -> None:
    found = {
        f"{'.'.join(main.parent.relative_to(ROOT).parts)}.__main__"
        for top in OURS
        for main in (ROOT / top).rglob("__main__.py")
    }
    assert found == PROCESSES.keys()

"""A confined process can do its work and no more; a machine that cannot confine reports it."""

import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.isolation import landlock, syscall_filter
from infra.isolation.sandbox import ConfinementIncomplete, ConfinementRefused, ThreadsRunning, confine

PROBE = Path(__file__).with_name("confined_probe.py")
ROOT = PROBE.parents[3]
DONE = {
    "read what is listed",
    "write where listed",
    "remove where listed",
    "connect to the listed port",
    "make a pair of sockets",
    "start a thread",
    "fork",
}

needs_whole_sandbox = pytest.mark.skipif(
    landlock.abi() < landlock.ABI_TCP or not syscall_filter.available(),
    reason="this kernel lacks Landlock's TCP rules, or libseccomp2 is not installed",
)


@pytest.fixture
def doors() -> Iterator[tuple[int, int]]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as another:
        yield one.getsockname()[1], another.getsockname()[1]


def probe(folder: Path, doors: tuple[int, int]) -> dict[str, str]:
    for part in ("readable", "writable"):
        (folder / part).mkdir()
    (folder / "readable" / "file").write_bytes(b"x")
    (folder / "hidden").write_bytes(b"x")
    finished = subprocess.run(
        [sys.executable, str(PROBE), str(folder), *map(str, doors)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout.splitlines()[-1])
    assert answer["missing"] == []
    outcomes: dict[str, str] = answer["outcomes"]
    return outcomes


@pytest.mark.cluster
@needs_whole_sandbox
def test_a_confined_process_works_with_what_is_listed_and_is_refused_all_else(tmp_path: Path, doors: tuple[int, int]) -> None:
    outcomes = probe(tmp_path, doors)
    assert {name: result for name, result in outcomes.items() if name in DONE and result != "done"} == {}
    assert {name: result for name, result in outcomes.items() if name not in DONE and result != "PermissionError"} == {}
    assert outcomes.keys() > DONE


@pytest.mark.cluster
def test_everything_the_sandbox_refuses_is_possible_without_it(tmp_path: Path, doors: tuple[int, int]) -> None:
    """Otherwise a refusal would show nothing: it might be the machine that refuses."""
    (tmp_path / "hidden").write_bytes(b"x")
    assert (tmp_path / "hidden").read_bytes() == b"x"
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
    socket.create_connection(("127.0.0.1", doors[1]), timeout=2).close()
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close()
    assert subprocess.run(["/bin/true"], check=False).returncode == 0


def test_running_threads_are_a_reason_to_refuse() -> None:
    finish = threading.Event()
    worker = threading.Thread(target=finish.wait)
    worker.start()
    try:
        with pytest.raises(ThreadsRunning):
            confine(read=[], write=[], connect_ports=[], demand_complete=False)
    finally:
        finish.set()
        worker.join()


@pytest.mark.parametrize(
    ("path", "port", "complaint"),
    [("/no/such/path", 1, "does not exist"), ("/", 0, "not a TCP port"), ("/", 65_536, "not a TCP port")],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_enforced(path: str, port: int, complaint: str) -> None:
    with pytest.raises(ConfinementRefused, match=complaint):
        confine(read=[Path(path)], write=[], connect_ports=[port], demand_complete=False)


@pytest.mark.parametrize(
    ("abi", "filtering", "missing"),
    [
        (landlock.ABI_NONE, True, ("files", "ports")),
        (landlock.ABI_TRUNCATE, True, ("ports",)),
        (landlock.ABI_SCOPES, False, ("system calls",)),
    ],
)
def test_a_machine_that_lacks_a_part_is_refused_on_demand_before_anything_is_enforced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, abi: int, *, filtering: bool, missing: tuple[str, ...]
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    monkeypatch.setattr(syscall_filter, "available", lambda: filtering)
    monkeypatch.setattr("infra.isolation.sandbox._running_threads", lambda: 1)
    before = resource.getrlimit(resource.RLIMIT_CORE)
    with pytest.raises(ConfinementIncomplete) as refusal:
        confine(read=[], write=[], connect_ports=[], demand_complete=True)
    assert refusal.value.missing == missing
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
    (tmp_path / "still free").touch()


def test_a_machine_without_any_of_it_goes_on_with_a_warning_that_names_the_parts(tmp_path: Path) -> None:
    script = (
        "from infra.isolation import landlock, syscall_filter\n"
        "landlock.abi = lambda: 0\n"
        "syscall_filter.available = lambda: False\n"
        "from infra.isolation.sandbox import confine\n"
        "held = confine(read=[], write=[], connect_ports=[], demand_complete=False)\n"
        "assert not held.complete and held.missing == ('files', 'ports', 'system calls'), held\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "confinement incomplete" in finished.stdout + finished.stderr

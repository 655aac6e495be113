from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from rich.console import Console
from typer.testing import CliRunner

from infra.chain.node import Node
from infra.local_cluster import report
from infra.local_cluster.__main__ import app
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.errors import ClusterError, last_error
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import PROCESSES, Process
from infra.local_cluster.runtime import PORT_MAX, PORT_MIN, Runtime
from infra.local_cluster.supervision import alive
from infra.settings.description import load
from tests.infra.postgres.test_roles import connect

pytestmark = pytest.mark.cluster

LONE = Process("lone", "tests.infra.local_cluster.lone_process", "desk")
REFUSING = Process("refusing", "tests.infra.local_cluster.refusing_process", "signer")
SECONDS = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a small cluster of the test's own; stops every process that the test left running."""
    place = tmp_path / "cluster"
    yield place
    Cluster(place).stop()


@pytest.fixture
def small(folder: Path) -> Cluster:
    """A cluster without its slow part, the broker."""
    return Cluster(folder, ["postgres", "node"], [LONE])


def within_seconds(holds: Callable[[], bool]) -> bool:
    deadline = Deadline(SECONDS)
    while not holds():
        if deadline.passed:
            return False
        time.sleep(0.05)
    return True


def pids(cluster: Cluster) -> dict[str, int]:
    return {each.name: each.pid for each in cluster.running()}


def states(cluster: Cluster) -> dict[str, str]:
    return {each.name: each.state for each in cluster.running()}


def seen(folder: Path) -> dict[str, object]:
    file = folder / "seen.json"
    assert within_seconds(file.exists)
    return dict(json.loads(file.read_bytes()))


def test_down_leaves_no_process_and_keeps_what_was_known(small: Cluster, folder: Path) -> None:
    description = small.start()
    with connect(small, "projector") as projector:
        projector.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    with Node(description.node) as node:
        node.rpc.request("evm_mine")
    seen(folder)
    started = pids(small)
    assert set(started) == {"postgres", "node", "lone"}
    small.stop()
    assert not [name for name, pid in started.items() if alive(pid)]
    assert small.running() == ()

    assert small.start() == description
    with connect(small, "reader") as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT seven FROM kept")
    with Node(description.node) as node:
        assert node.rpc.request("eth_blockNumber") == "0x1"

    small.stop(delete=True)
    assert not folder.exists()


def test_what_is_killed_comes_back(small: Cluster, folder: Path) -> None:
    small.start()
    seen(folder)
    before = pids(small)
    for name in before:
        small.kill(name)
    assert within_seconds(lambda: all(pid and pid != before[name] for name, pid in pids(small).items()))
    small.await_service("postgres")
    small.await_service("node")


def test_what_a_person_has_to_look_at_is_not_started_again_and_says_why(folder: Path) -> None:
    """It ends within a second, when a supervisor would take it for one that never started."""
    cluster = Cluster(folder, [], [REFUSING, LONE])
    cluster.start()
    seen(folder)
    assert within_seconds(lambda: states(cluster)["refusing"] == "exited")
    before = pids(cluster)["lone"]
    cluster.kill("lone")  # the supervisor looks after all of its programs whenever it starts one
    assert within_seconds(lambda: pids(cluster)["lone"] not in (0, before))
    assert (folder / "starts").read_text() == "x"
    shown = Console(file=StringIO(), width=200)
    found = report.of(cluster, Runtime(folder))
    report.show(found, shown)
    assert [each["why"] for each in found["processes"]] == [None, "it does nothing: token 'proofdesk' refused the PIN [in pin]"]
    assert isinstance(shown.file, StringIO)
    assert (
        "refusing stopped and is not restarted. it does nothing: token 'proofdesk' refused the PIN [in pin]"
        in shown.file.getvalue()
    )
    cluster.start()
    assert within_seconds(lambda: (folder / "starts").read_text() == "xx")


def test_a_process_that_says_nothing_of_why_has_its_log_named(tmp_path: Path) -> None:
    log = tmp_path / "signer.log"
    assert last_error(log) == f"see the end of {log}"
    log.write_text('{"level": "info", "event": "ready"}\n[]\n')
    assert last_error(log) == f"see the end of {log}"
    log.write_text('{"level": "critical", "event": "stopping", "error": "it is unreadable"}\n')
    assert last_error(log) == "stopping: it is unreadable"


@pytest.mark.parametrize("again", ["down", "up"])
def test_what_a_killed_supervisor_leaves_behind_is_stopped(small: Cluster, folder: Path, again: str) -> None:
    small.start()
    seen(folder)
    orphans = pids(small)
    supervisor = int((folder / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    assert within_seconds(lambda: not alive(supervisor))
    assert all(alive(pid) for pid in orphans.values())
    if again == "down":
        small.stop()
    else:
        small.start()
    assert not [name for name, pid in orphans.items() if alive(pid)]


def test_one_process_is_restarted_alone(small: Cluster, folder: Path) -> None:
    small.start()
    seen(folder)
    before = pids(small)
    small.restart_process("lone")
    after = pids(small)
    assert after["lone"] != before["lone"]
    assert (after["postgres"], after["node"]) == (before["postgres"], before["node"])


def test_an_operator_restarts_one_process_by_name_whether_it_runs_or_not(small: Cluster, folder: Path) -> None:
    small.start()
    seen(folder)
    before = pids(small)
    command = CliRunner()
    assert command.invoke(app, ["restart", "lone", "--runtime", str(folder)]).exit_code == 0
    assert pids(small)["lone"] != before["lone"]
    small.stop_process("lone")
    assert command.invoke(app, ["restart", "lone", "--runtime", str(folder)]).exit_code == 0
    assert within_seconds(lambda: states(small)["lone"] == "running")
    refused = command.invoke(app, ["restart", "nobody", "--runtime", str(folder)])
    assert refused.exit_code == 1
    assert {name: pid for name, pid in pids(small).items() if name != "lone"} == {
        name: pid for name, pid in before.items() if name != "lone"
    }


def test_a_process_knows_only_what_it_needs(small: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODYS_PASSWORD", "hunter2")
    small.start()
    environment = seen(folder)["environment"]
    assert isinstance(environment, dict)
    assert environment["PROOFDESK_RUNTIME"] == str(folder)
    assert environment["PROOFDESK_PRINCIPAL"] == "desk"
    assert environment["PROOFDESK_INSTANCE"] == "0"
    assert "SOMEBODYS_PASSWORD" not in environment


def test_secrets_stand_in_private_files_and_in_no_command_line(cluster: Cluster) -> None:
    runtime = cluster.description.runtime
    files = list((runtime / "secrets").iterdir())
    for file in [*files, runtime / "cluster.json", runtime / "supervisord.conf", runtime / "kafka" / "server.properties"]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    secrets = [json.loads(file.read_bytes())["password"] for file in files if file.suffix == ".json"]
    secrets.append((runtime / "secrets" / "chain-mnemonic").read_text())
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in pids(cluster).values()]
    assert len(lines) == len(cluster.running())
    assert not [line for line in lines if any(secret in line for secret in secrets)]


def test_two_clusters_never_want_the_same_port(tmp_path: Path) -> None:
    first, second = Runtime(tmp_path / "one"), Runtime(tmp_path / "two")
    for runtime in (first, second):
        runtime.prepare()
    ports = [*first.ports().values(), *second.ports().values()]
    assert len(set(ports)) == len(ports)
    assert all(PORT_MIN <= port <= PORT_MAX for port in ports)
    assert first.ports() == Runtime(tmp_path / "one").ports()


def test_a_taken_port_is_named_and_nothing_is_started(small: Cluster, folder: Path) -> None:
    Runtime(folder).prepare()
    port = small.ports["node"]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ClusterError, match=rf"{port} \(node\).*--delete"):
        small.start()
    assert small.running() == ()


def test_a_start_that_fails_leaves_nothing_running(folder: Path) -> None:
    def refuse(_: object) -> None:
        raise ClusterError("no institution today")

    failing = Cluster(folder, ["node"], [LONE], found=refuse)
    with pytest.raises(ClusterError, match="no institution"):
        failing.start()
    assert failing.running() == ()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", failing.ports["node"]), timeout=1)


def test_a_start_with_more_than_runs_says_what_is_lacking(small: Cluster, folder: Path) -> None:
    Cluster(folder, ["node"], []).start()
    with pytest.raises(ClusterError, match="runs without lone, postgres; run make down"):
        small.start()


def test_a_start_that_was_cut_off_is_brought_to_its_end(small: Cluster, folder: Path) -> None:
    small.start()
    seen(folder)
    small.stop_process("lone")
    assert pids(small)["lone"] == 0
    small.start()
    assert pids(small)["lone"] != 0


def test_starting_what_runs_changes_nothing(small: Cluster, folder: Path) -> None:
    small.start()
    seen(folder)
    before = pids(small)
    assert small.start() == load(folder)
    assert pids(small) == before


def test_a_broker_killed_comes_back_with_its_topics(cluster: Cluster) -> None:
    killed = cluster.kill("kafka", signal.SIGKILL)
    assert within_seconds(lambda: pids(cluster)["kafka"] not in (0, killed))
    cluster.await_service("kafka")


def test_every_module_of_the_process_table_is_there() -> None:
    root = Path(__file__).parents[3]
    for process in PROCESSES:
        assert (root / process.module.replace(".", os.sep) / "__main__.py").exists(), process.module

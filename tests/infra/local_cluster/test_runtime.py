"""Prepares a cluster's folder; refuses logs of another generation and principals of another version."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local_cluster.errors import ClusterError
from infra.local_cluster.runtime import Runtime
from schemas.catalogue import GENERATION

pytestmark = pytest.mark.cluster


def test_a_folder_is_prepared_once_and_again(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path / "cluster")
    runtime.prepare()
    password = runtime.password("kafka-desk.json")
    runtime.prepare()
    assert runtime.password("kafka-desk.json") == password


@pytest.mark.parametrize("mark", [None, f"{GENERATION - 1}\n", f"{GENERATION + 1}\n"])
def test_logs_of_another_generation_are_refused_with_what_to_do(tmp_path: Path, mark: str | None) -> None:
    runtime = Runtime(tmp_path / "cluster")
    runtime.prepare()
    file = runtime.folder / "generation"
    file.unlink() if mark is None else file.write_text(mark)
    with pytest.raises(ClusterError, match="make down ARGS=--delete"):
        runtime.prepare()


def test_a_cluster_with_a_principal_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path / "cluster")
    runtime.prepare()
    runtime.secret("kafka-observer.json").write_text("{}")
    with pytest.raises(ClusterError, match=r"kafka-observer\.json.*make down ARGS=--delete"):
        runtime.prepare()

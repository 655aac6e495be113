"""docs/events.md and docs/http.md are what the code gives, and leave nothing out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from commands.gateway import document as http
from commands.gateway.composition import undeployed
from infra.local_cluster.processes import PROCESSES
from infra.local_cluster.runtime import ROOT
from schemas import document as events
from schemas.topics import COSIGNERS, TOPICS


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return undeployed().openapi()


def headings(page: str) -> list[str]:
    return re.findall(r"^### (.*)$", page, re.MULTILINE)


def test_both_pages_are_up_to_date() -> None:
    assert (events.main(["--check"]), http.main(["--check"])) == (0, 0)


def test_an_old_page_is_told_from_the_new_one(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (events, http):
        monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
        assert module.main(["--check"]) == 1
        assert module.main([]) == 0
        assert module.main(["--check"]) == 0


def test_every_topic_of_records_has_its_section_and_no_heading_stands_twice() -> None:
    found = headings(events.page())
    assert [name for name, topic in TOPICS.items() if topic.record and name not in found] == []
    assert len(found) == len(set(found))


def test_every_field_of_every_record_on_a_topic_is_listed() -> None:
    page = events.page()
    missing = [
        (topic.name, field)
        for topic in TOPICS.values()
        if topic.record
        for field in topic.record.model_fields
        if f"| `{field}` |" not in page
    ]
    assert missing == []


def test_the_operators_page_has_a_line_for_every_process() -> None:
    table = (ROOT / "docs" / "operator.md").read_text("utf-8").partition("## Processes\n")[2].partition("\n## ")[0]
    assert [
        process.name for process in PROCESSES if process.name not in COSIGNERS[1:-1] and f"`{process.name}`" not in table
    ] == []


def test_every_route_has_its_section(api: dict[str, Any]) -> None:
    routes = {f"{method.upper()} {path}" for path, methods in api["paths"].items() for method in methods}
    assert routes <= set(headings(http.page(api)))


def test_every_form_that_the_api_names_is_in_it(api: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(api)))
    assert named <= set(api["components"]["schemas"])
    assert "#/$defs/" not in json.dumps(api)

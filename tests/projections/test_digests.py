"""A browser's hash equals ours: the pages' own script beside `schemas.canonical`, on the same records."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from projections.dashboard.rendering import FOLDER
from schemas import canonical
from schemas.commands import CancelOrder, Command, DeclineApproval
from schemas.examples import example
from schemas.firm_commands import FirmCommand, ProposePolicy, TripBreaker
from schemas.orders import ApprovalSubject
from schemas.values import Record

pytestmark = pytest.mark.browser

SECONDS_MAX = 30
HOSTILE = '\u00fcml\u00e4ut "quoted" \\ </script> \n\t \U0001f5dd \u2028'

_COMMAND = example(Command).model_copy(update={"body": DeclineApproval(order_id=example(CancelOrder).order_id, reason=HOSTILE)})
_FIRM = example(FirmCommand).model_copy(
    update={"body": TripBreaker(scope="asset", subject="USDC", state="open", reason=HOSTILE)}
)
_SUBJECT = example(ApprovalSubject)
_POLICY = example(ProposePolicy).model_copy(update={"cedar": HOSTILE})
_ID = example(CancelOrder).order_id


def as_json(record: Record) -> Any:
    """As the API shows it: with its empty fields."""
    return record.model_dump(mode="json", exclude={"authorization"})


CASES = [
    ("commandDigest", [as_json(_COMMAND)], canonical.command_digest(_COMMAND)),
    ("commandDigest", [as_json(_FIRM)], canonical.firm_command_digest(_FIRM)),
    ("approvalDigest", [as_json(_SUBJECT)], canonical.approval_digest(_SUBJECT)),
    ("proposalDigest", [_ID, "rosa", as_json(_POLICY)], canonical.proposal_digest(_ID, "rosa", _POLICY)),
]


@pytest.mark.parametrize(("function", "arguments", "digest"), CASES, ids=[f"{each[0]}-{at}" for at, each in enumerate(CASES)])
def test_the_browser_signs_the_bytes_that_we_verify(tmp_path: Path, function: str, arguments: list[Any], digest: bytes) -> None:
    (tmp_path / "digests.mjs").write_bytes((FOLDER / "assets" / "digests.js").read_bytes())
    (tmp_path / "asked.json").write_text(json.dumps(arguments))
    (tmp_path / "run.mjs").write_text(
        f"""
        import {{ readFileSync }} from "node:fs";
        import {{ {function}, hex, base64url, fromBase64url }} from "./digests.mjs";
        const found = await {function}(...JSON.parse(readFileSync("asked.json", "utf8")));
        if (hex(fromBase64url(base64url(found))) !== hex(found)) throw new Error("base64url does not come back");
        process.stdout.write(hex(found));
        """
    )

    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MAX, check=True)

    assert done.stdout == digest.hex()

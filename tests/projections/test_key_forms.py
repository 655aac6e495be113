"""Governance reads a browser's key proposal as sent: the pages' script and `schemas.keys` give equal hashes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from projections.dashboard.rendering import FOLDER
from schemas import canonical
from schemas.examples import example
from schemas.firm_commands import FirmCommand, ProposeKey
from schemas.keys import (
    ActivateKey,
    DestroyKey,
    GenerateKey,
    KeyChange,
    RecoverShare,
    ResumeKey,
    RotateKey,
    SuspendKey,
)
from tests.projections import key_story
from tests.projections.key_story import ADDRESS

pytestmark = pytest.mark.browser

SECONDS_MAX = 30
KEY = {"key": "k"}
MADE = {"key_id": "k", "rotate_after_days": "30", "threshold": "3", "sites_min": "2", "holder-cosigner-1": "on"}
WALLET = {"wallet_id": "w", "desk_id": "d", "chain_id": "1"}
NEW = key_story.enrolled(2).cosigner

CASES: list[tuple[str, dict[str, str], dict[str, Any], KeyChange]] = [
    (
        "generate-key",
        {},
        {**MADE, "backend": "mpc", "holder-cosigner-3": "on"},
        GenerateKey(
            key_id="k",
            backend="mpc",
            threshold=3,
            cosigners=["cosigner-1", "cosigner-3"],
            sites_min=2,
            rotate_after_days=30,
        ),
    ),
    ("generate-key", {}, {**MADE, "backend": "hsm"}, GenerateKey(key_id="k", backend="hsm", rotate_after_days=30)),
    (
        "activate-key",
        {**KEY, "backend": "hsm", "address": ADDRESS},
        {**WALLET, "holding": ""},
        ActivateKey(key_id="k", key_backend="hsm", wallet_id="w", desk_id="d", chain_id=1, address=ADDRESS),
    ),
    (
        "activate-key",
        {**KEY, "backend": "mpc", "address": ADDRESS},
        {**WALLET, "holding": ADDRESS},
        ActivateKey(key_id="k", key_backend="mpc", wallet_id="w", desk_id="d", chain_id=1, address=ADDRESS, holding=ADDRESS),
    ),
    ("rotate-key", KEY, {}, RotateKey(key_id="k")),
    ("rotate-key", KEY, {"successor": "n"}, RotateKey(key_id="k", successor="n")),
    ("suspend-key", KEY, {}, SuspendKey(key_id="k")),
    ("resume-key", KEY, {}, ResumeKey(key_id="k")),
    ("destroy-key", KEY, {}, DestroyKey(key_id="k")),
    ("recover-share", KEY, {**NEW.model_dump(), "party": "2"}, RecoverShare(key_id="k", cosigner=NEW)),
]


@pytest.mark.parametrize(("button", "place", "fields", "change"), CASES, ids=[f"{c[0]}-{at}" for at, c in enumerate(CASES)])
def test_a_form_proposes_what_it_says_and_hashes_all_of_it(
    tmp_path: Path, button: str, place: dict[str, str], fields: dict[str, Any], change: KeyChange
) -> None:
    command = example(FirmCommand).model_copy(update={"body": ProposeKey(change=change, reason="why")})
    for name in ("keys", "digests"):
        (tmp_path / f"{name}.mjs").write_bytes((FOLDER / "assets" / f"{name}.js").read_bytes())
    sent = command.model_dump(mode="json", exclude={"authorization", "body"})
    (tmp_path / "asked.json").write_text(json.dumps([button, place, {**fields, "principal": "rosa", "reason": "why"}, sent]))
    (tmp_path / "run.mjs").write_text(
        """
        import { readFileSync } from "node:fs";
        import { CHANGES } from "./keys.mjs";
        import { commandDigest, hex } from "./digests.mjs";
        const [button, place, fields, sent] = JSON.parse(readFileSync("asked.json", "utf8"));
        const body = { kind: "propose_key", change: CHANGES[button](place, fields), reason: fields.reason };
        process.stdout.write(JSON.stringify({ body, digest: hex(await commandDigest({ ...sent, body })) }));
        """
    )

    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MAX, check=True)

    said = json.loads(done.stdout)
    assert ProposeKey.model_validate(said["body"]) == command.body
    assert said["digest"] == canonical.firm_command_digest(command).hex()

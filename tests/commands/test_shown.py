"""The command line shows keys and attestations."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from typer.testing import CliRunner

from commands.cli import EXIT_USAGE, app, main, output
from commands.cli.desk.orders import described, signed_by
from commands.cli.keys.reading import columns, safe_of, span
from commands.client import ShownOrder
from schemas.examples import example
from schemas.keys import Attestation, CosignerVerdict

DAY = 86_400 * 1_000_000
MADE: dict[str, Any] = {
    "key_id": "treasury-1",
    "state": "active",
    "ordered": None,
    "backend": "mpc",
    "address": "0xA",
    "threshold": 3,
    "sites_min": 2,
    "epoch": 2,
    "cosigners": [{"cosigner": "cosigner-1", "site": "zurich"}, {"cosigner": "cosigner-2", "site": None}],
    "uses": [{"wallet_id": "main", "role": "wallet"}, {"wallet_id": "vault", "role": "owner"}],
    "renewed_at": 10 * DAY,
    "known_since": 5 * DAY,
    "last_used_at": None,
    "rotation_due": False,
    "rotate_at": None,
}


@pytest.mark.parametrize(
    ("changes", "column", "shown"),
    [
        ({}, "kept", "mpc 3 of 2, epoch 2, 2 sites"),
        ({"backend": "hsm", "threshold": 0}, "kept", "hsm"),
        ({"backend": None, "threshold": 0}, "kept", ""),
        ({}, "signs for", "main, vault (owner)"),
        ({}, "cosigners", "cosigner-1 zurich, cosigner-2 (replaced)"),
        ({}, "age", "2 d"),
        ({"renewed_at": None}, "age", "7 d"),
        ({}, "last used", "never"),
        ({"last_used_at": 0}, "last used", "1970-01-01 00:00:00 UTC"),
        ({}, "rotation", ""),
        ({"rotate_at": DAY}, "rotation", "1970-01-02 00:00:00 UTC"),
        ({"rotation_due": True, "rotate_at": DAY}, "rotation", "DUE"),
        ({"ordered": "rotate"}, "state", "active, rotate ordered"),
    ],
)
def test_a_key_is_a_line(changes: dict[str, Any], column: str, shown: str) -> None:
    assert columns({**MADE, **changes}, now=12 * DAY)[column] == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (61, "1 min"), (7_200, "2 h"), (200_000, "2 d")])
def test_a_span_is_in_the_largest_unit_of_which_it_has_one(seconds: int, shown: str) -> None:
    assert span(seconds) == shown


def test_a_safe_says_whose_signatures_it_takes_and_who_sends_them() -> None:
    holder = {"address": "0xA", "key_backend": "hsm", "key_id": "k"}
    assert safe_of({"safe": {"threshold": 1, "owners": [holder], "executor": {**holder, "address": "0xB"}}}) == [
        ("owner", "0xA, hsm key k"),
        ("sent by", "0xB, hsm key k"),
    ]
    assert safe_of({"safe": None}) == []


@pytest.mark.parametrize(
    ("used", "price", "shown"),
    [
        (None, None, ""),
        (68_666, None, "68,666 when simulated"),
        (68_666, 20_000_000_000, "68,666 at 20 gwei: 0.00137332 ETH"),
    ],
)
def test_an_order_says_what_its_transaction_cost(used: int | None, price: int | None, shown: str) -> None:
    order = ShownOrder(
        order_id="00000000-0000-5000-8000-000000000001",
        desk_id="desk",
        state="confirmed",
        gas_used=used,
        effective_gas_price=price,
        created_at=1,
        updated_at=1,
    )
    assert dict(described(order))["gas"] == shown


def test_an_attestation_says_which_key_which_code_and_who_judged() -> None:
    verdict = example(CosignerVerdict).model_copy(update={"cosigner": "cosigner-3", "site": "london", "code_hash": "cd" * 32})
    by = example(Attestation).model_copy(
        update={"backend": "mpc", "key_id": "k", "epoch": 2, "cosigners": [verdict], "owners": ["k", "sender"]}
    )

    said = dict(signed_by(by))

    assert said["signed by"] == "mpc key k, epoch 2"
    assert said["owners"] == "k, sender"
    assert "ab" * 32 in str(said["judged by"])
    assert str(said["cosigned by"]).startswith(f"cosigner-3 in london: code {'cd' * 8}, policy {'ab' * 8}")
    assert signed_by(None) == []


@pytest.mark.parametrize(
    "words",
    [
        "clear\x1b[2Jthe screen",
        "another\x9b2Jway",
        "title\x1b]0;yes\x07",
        "back\rover",
        "rever\u202esed",
        "hid\u200bden",
        "\x00",
    ],
)
def test_words_of_others_command_no_terminal(words: str) -> None:
    """A cosigner's refusal and a proposal's reason are shown to whoever agrees to the next proposal."""
    with output.stdout.capture() as caught:
        output.fields([("reason", words)])
        output.table(("what", "said"), [(words, "[red]a [/] quorum[/red] agreed")])
    shown = caught.get()
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "\\u" in shown
    assert "[red]a [/] quorum[/red] agreed" in shown


@pytest.mark.parametrize("which", ["", ".", ".."])
def test_what_names_no_key_is_not_asked_for(which: str) -> None:
    done = CliRunner().invoke(app, ["key", "show", which, "--url", "http://localhost:1"])
    assert done.exit_code == EXIT_USAGE
    assert "that is no key's id" in done.output


def test_an_argument_that_is_no_text_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["proofdesk", "key", "show", os.fsdecode(b"\xff")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == EXIT_USAGE
    assert "not UTF-8" in capsys.readouterr().err

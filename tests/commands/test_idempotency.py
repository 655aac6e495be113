"""One idempotency key of one principal gives one command id."""

from __future__ import annotations

import uuid

import pytest

from commands.idempotency import COMMAND_NAMESPACE, KEY_CHARACTERS_MAX, command_id_of

ID = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"


def test_a_uuid_is_the_id_as_it_is() -> None:
    assert command_id_of("bot", ID) == ID
    assert command_id_of("other", ID.upper()) == ID
    assert command_id_of("bot", f'"{ID}"') == ID


def test_any_other_key_is_an_id_of_its_principal() -> None:
    made = command_id_of("bot", "invoice-7")

    assert made == str(uuid.uuid5(COMMAND_NAMESPACE, "bot/invoice-7"))
    assert made == command_id_of("bot", '"invoice-7"')
    assert made != command_id_of("bob", "invoice-7")
    assert made != command_id_of("bot", "invoice-8")


def test_what_clients_elsewhere_compute_stays_the_same() -> None:
    assert command_id_of("bot", "invoice-7") == "40607f0a-b135-5133-986e-225e28a0d3c2"


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", 'a"b', "a\\b", '""', "a" * (KEY_CHARACTERS_MAX + 1), "a\n"])
def test_a_key_that_could_be_mistaken_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        command_id_of("bot", key)

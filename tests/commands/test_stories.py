"""A request that waits for an answer gets it once, from any thread; the memory of answers is bounded."""

from __future__ import annotations

import uuid
from concurrent.futures import CancelledError

import pytest

from commands.answers import OrderAnswer
from commands.log import tail
from commands.log.tail import Stories
from commands.outcomes import sent_command
from schemas import canonical
from schemas.commands import Command
from tests.commands import events_of
from tests.commands.test_outcomes import INITIATE, INITIATED


def hear_order(stories: Stories, command: Command) -> None:
    for event in events_of.initiated(command, canonical.order_id(command.desk_id, canonical.command_digest(command))):
        stories.hear(event)


def renamed(number: int) -> Command:
    return INITIATE.model_copy(update={"command_id": str(uuid.UUID(int=number))})


def test_who_waits_is_told_once_all_has_been_heard() -> None:
    stories, (first, second, _) = Stories(), events_of.initiated(INITIATE, INITIATED)
    with stories.following(sent_command(INITIATE)) as one, stories.following(sent_command(INITIATE)) as other:
        stories.hear(second)
        assert not one.done()
        stories.hear(first)

        assert one.result(0) == other.result(0)
        assert isinstance(one.result(0), OrderAnswer)


def test_a_repetition_finds_the_answer() -> None:
    stories = Stories()
    hear_order(stories, INITIATE)

    assert isinstance(stories.known(sent_command(INITIATE))[0], OrderAnswer)
    assert stories.known(sent_command(INITIATE.model_copy(update={"issued_at": 2}))) == (None, True)
    assert stories.known(sent_command(renamed(1))) == (None, False)


def test_a_rejection_that_spent_the_id_lasts_and_one_that_left_it_free_does_not() -> None:
    spent, free = Stories(), Stories()
    spent.hear(events_of.rejected(INITIATE, spent=True))
    free.hear(events_of.rejected(INITIATE, spent=False))

    assert spent.known(sent_command(INITIATE))[0] is not None
    assert free.known(sent_command(INITIATE))[0] is None


def test_who_has_stopped_waiting_harms_nobody() -> None:
    stories = Stories()
    with stories.following(sent_command(INITIATE)) as gone, stories.following(sent_command(INITIATE)) as waiting:
        gone.cancel()
        hear_order(stories, INITIATE)

        assert waiting.done()
        with pytest.raises(CancelledError):
            gone.result(0)


@pytest.mark.slow
def test_only_the_last_commands_are_remembered_but_none_that_is_waited_for_is_forgotten() -> None:
    stories, waited = Stories(), renamed(0)
    with stories.following(sent_command(waited)) as outcome:
        for number in range(1, tail.REMEMBERED_COMMANDS_MAX + 50):
            stories.hear(events_of.rejected(renamed(number)))
        hear_order(stories, waited)
        assert outcome.done()

    assert len(stories._stories) == tail.REMEMBERED_COMMANDS_MAX
    assert stories.known(sent_command(renamed(1)))[0] is None
    assert stories.known(sent_command(renamed(tail.REMEMBERED_COMMANDS_MAX + 49)))[0] is not None

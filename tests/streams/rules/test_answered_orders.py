from __future__ import annotations

from uuid import UUID

from pydantic import TypeAdapter

from streams.rules.answered_orders import ORDERS_REMEMBERED_MAX, AnsweredOrders

ORDER, OTHER = str(UUID(int=1)), str(UUID(int=2))


def test_an_order_is_remembered_through_a_snapshot() -> None:
    answered, state = AnsweredOrders(), TypeAdapter(AnsweredOrders)
    answered.add(ORDER)
    again = state.validate_json(state.dump_json(answered))
    assert ORDER in again
    assert OTHER not in again


def test_the_oldest_orders_are_forgotten_beyond_the_bound() -> None:
    answered = AnsweredOrders()
    for number in range(ORDERS_REMEMBERED_MAX + 2):
        answered.add(str(number))
    assert len(answered.orders) == ORDERS_REMEMBERED_MAX
    assert [str(number) in answered for number in (0, 1, 2, ORDERS_REMEMBERED_MAX + 1)] == [False, False, True, True]

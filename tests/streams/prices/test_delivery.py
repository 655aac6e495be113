"""A failed write of a price is detected."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from structlog.testing import capture_logs

from schemas.events.observations import PriceObserved
from schemas.examples import example
from streams.prices.__main__ import Delivery


def test_a_price_that_was_lost_is_remembered() -> None:
    producer = Producer({"bootstrap.servers": "127.0.0.1:9", "delivery.timeout.ms": 50, "log_level": 0})
    delivery = Delivery(producer)
    delivery.publish(example(PriceObserved))
    assert not delivery.lost.is_set()
    with capture_logs() as lines:
        producer.flush(5)
    assert delivery.lost.is_set()
    assert [line["event"] for line in lines] == ["a price was not written"]


def test_a_price_that_was_written_is_well() -> None:
    delivery = Delivery(Producer({"bootstrap.servers": "127.0.0.1:9"}))
    delivery._delivered(None, Message())
    assert not delivery.lost.is_set()


class FencedProducer(Producer):
    """A producer that the broker will not have."""

    def produce(self, *_: object, **__: object) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL))


def test_a_producer_that_cannot_go_on_is_noticed() -> None:
    delivery = Delivery(FencedProducer({"bootstrap.servers": "127.0.0.1:9"}))
    with capture_logs() as lines:
        delivery.publish(example(PriceObserved))
    assert delivery.lost.is_set()
    assert [line["event"] for line in lines] == ["a price cannot be written"]

"""From events to rows. Pure: no clock, no database, no Kafka; the same events give the same rows in any order of arrival."""

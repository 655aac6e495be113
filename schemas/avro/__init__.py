"""Records as Avro: the schema that a model declares, and how its values are written and read."""

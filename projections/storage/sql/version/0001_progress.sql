-- How far each partition of each topic has been projected. Moved in the same transaction as the rows, by compare-and-set.
CREATE TABLE offsets (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic, partition)
);

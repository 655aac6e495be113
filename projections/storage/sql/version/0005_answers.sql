-- What was said back to senders, by its place on the log: one command may have been refused more than once.
CREATE TABLE rejected_commands (
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    command_id uuid NOT NULL,
    desk_id text,
    principal text NOT NULL,
    order_id uuid,
    proposal_id uuid,
    refusal jsonb NOT NULL,
    command_hash text NOT NULL,
    rejected_at bigint NOT NULL,
    PRIMARY KEY (topic, partition, log_offset)
);
CREATE INDEX rejected_commands_by_command ON rejected_commands (command_id);
CREATE INDEX rejected_commands_newest ON rejected_commands (rejected_at DESC);

CREATE TABLE quarantined (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    desk_id text NOT NULL,
    source_topic text NOT NULL,
    source_partition bigint NOT NULL,
    source_offset bigint NOT NULL,
    reason text NOT NULL,
    original text NOT NULL,
    original_sha256 text NOT NULL,
    quarantined_at bigint NOT NULL,
    PRIMARY KEY (partition, log_offset)
);

CREATE TABLE nonces (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    desk_id text NOT NULL,
    wallet_id text NOT NULL,
    chain_id bigint NOT NULL,
    nonce bigint NOT NULL,
    order_id uuid NOT NULL,
    outcome text NOT NULL,
    resolved_at bigint NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
CREATE INDEX nonces_by_wallet ON nonces (wallet_id, chain_id, nonce);

CREATE TABLE refused_requests (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    claimed_principal text NOT NULL,
    refusal jsonb NOT NULL,
    body_sha256 text NOT NULL,
    received_at bigint NOT NULL,
    PRIMARY KEY (partition, log_offset)
);

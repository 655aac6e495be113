-- Every link of every order as it arrived, append-only. A link beyond its order's tail waits for the one before it.
-- Instants are microseconds since the Unix epoch, digests SHA-256 in lowercase hex.
CREATE TABLE order_events (
    order_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    position bigint NOT NULL,
    decided_at bigint NOT NULL,
    previous_hash text NOT NULL,
    digest text NOT NULL,
    trace_id text NOT NULL,
    event jsonb NOT NULL,
    PRIMARY KEY (order_id, sequence, topic, partition, log_offset)
);

-- An order as its verified links leave it.
CREATE TABLE orders (
    order_id uuid PRIMARY KEY,
    desk_id text NOT NULL,
    wallet_id text,
    initiator text,
    command_id uuid,
    action jsonb,
    memo text NOT NULL,
    parent_order_id uuid,
    child_order_ids uuid[] NOT NULL,
    state text NOT NULL,
    amount_usd numeric(24, 6),
    outcome text,
    requires text[] NOT NULL,
    unmet jsonb NOT NULL,
    rules jsonb NOT NULL,
    refusals jsonb NOT NULL,
    approval_hash text,
    approval_subject jsonb,
    approvals jsonb NOT NULL,
    expires_at bigint,
    chain_id bigint,
    nonce bigint,
    transaction_hash text,
    block_number bigint,
    block_hash text,
    gas_used bigint,
    effective_gas_price text,
    slippage_ppm bigint,
    findings jsonb NOT NULL,
    attestation jsonb,
    message text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    tail_sequence bigint NOT NULL,
    tail_digest text NOT NULL,
    chain_broken text
);
CREATE INDEX orders_newest ON orders (created_at DESC, order_id DESC);
CREATE INDEX orders_by_desk ON orders (desk_id, created_at DESC, order_id DESC);
CREATE INDEX orders_by_state ON orders (state, created_at DESC, order_id DESC);
CREATE INDEX orders_by_parent ON orders (parent_order_id) WHERE parent_order_id IS NOT NULL;

-- Links that have arrived before the ones they follow, and those that follow nothing.
CREATE VIEW held_events AS
SELECT e.* FROM order_events AS e
LEFT JOIN orders AS o USING (order_id)
WHERE e.sequence > coalesce(o.tail_sequence, 0);

-- What was said about an order beside its chain, or about one that was only tried: whose links others may hold by then.
CREATE TABLE remarks (
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    order_id uuid NOT NULL,
    desk_id text NOT NULL,
    causation_id text NOT NULL,
    decided_at bigint NOT NULL,
    event jsonb NOT NULL,
    PRIMARY KEY (topic, partition, log_offset)
);
CREATE INDEX remarks_by_order ON remarks (order_id);

-- Orders as they are shown: with the approvals that were taken back since, and whether they are to be cancelled.
CREATE VIEW shown_orders AS
SELECT o.*, (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'approver', r.event ->> 'approver', 'reason', r.event ->> 'reason', 'withdrawn_at', r.decided_at
    ) ORDER BY r.decided_at), '[]') FROM remarks AS r WHERE r.order_id = o.order_id AND r.topic = 'approval-withdrawn'
) AS withdrawals, (
    SELECT min(r.decided_at) FROM remarks AS r WHERE r.order_id = o.order_id AND r.topic = 'cancellation-requested'
) AS cancellation_requested_at
FROM orders AS o;

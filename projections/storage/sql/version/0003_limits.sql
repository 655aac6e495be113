-- The limit ledger: what each order holds of each limit, in its last state (architecture, rule 7).
CREATE TABLE reservations (
    order_id uuid NOT NULL,
    limit_id text NOT NULL,
    scope_key text NOT NULL,
    amount_usd numeric(24, 6) NOT NULL,
    orders bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('reserved', 'posted', 'released')),
    since bigint NOT NULL,
    PRIMARY KEY (order_id, limit_id, scope_key)
);
CREATE INDEX reservations_in_force ON reservations (limit_id, scope_key, since) WHERE state <> 'released';

CREATE TABLE policies (
    version bigint PRIMARY KEY,
    position bigint NOT NULL,
    policy_hash text NOT NULL,
    cedar text NOT NULL,
    cedar_schema text NOT NULL,
    limits jsonb NOT NULL,
    settings jsonb NOT NULL,
    proposal_id uuid,
    activated_at bigint NOT NULL
);

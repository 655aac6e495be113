-- What governance last said about each person or system, asset, wallet and contract. `position` is the writer's own count:
-- a row is only ever replaced by a later one.
CREATE TABLE genesis (
    position bigint PRIMARY KEY,
    document jsonb NOT NULL,
    root_public_key text NOT NULL,
    signature text NOT NULL,
    accepted_at bigint NOT NULL
);
CREATE TABLE principals (
    principal text PRIMARY KEY,
    position bigint NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    roles text[] NOT NULL,
    site text NOT NULL,
    desks text[] NOT NULL,
    credentials jsonb NOT NULL,
    signing_keys jsonb NOT NULL,
    changed_at bigint NOT NULL
);
CREATE TABLE assets (
    asset_id text PRIMARY KEY,
    position bigint NOT NULL,
    chain_id bigint NOT NULL,
    token text,
    decimals integer NOT NULL,
    peg_usd numeric(24, 6),
    listed_at bigint NOT NULL
);
CREATE TABLE wallets (
    wallet_id text PRIMARY KEY,
    position bigint NOT NULL,
    desk_id text NOT NULL,
    chain_id bigint NOT NULL,
    address text NOT NULL,
    key_backend text NOT NULL,
    key_id text NOT NULL,
    holding text,
    safe jsonb,
    assigned_at bigint NOT NULL
);
CREATE TABLE contracts (
    chain_id bigint NOT NULL,
    address text NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    companions text[] NOT NULL,
    open_findings bigint NOT NULL,
    audit_reference text NOT NULL,
    protocol text NOT NULL,
    counterparty text NOT NULL,
    listed_at bigint NOT NULL,
    PRIMARY KEY (chain_id, address)
);
CREATE TABLE breakers (
    scope text NOT NULL,
    subject text NOT NULL,
    position bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('reducing', 'open', 'closed')),
    reason text NOT NULL,
    tripped_by text NOT NULL,
    proposal_id uuid,
    changed_at bigint NOT NULL,
    PRIMARY KEY (scope, subject)
);

-- Every event of governance as it stands on the log.
CREATE TABLE firm_events (
    position bigint PRIMARY KEY,
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    causation_id text NOT NULL,
    decided_at bigint NOT NULL,
    digest text NOT NULL,
    event jsonb NOT NULL
);
CREATE INDEX firm_events_by_cause ON firm_events (causation_id);
CREATE INDEX firm_events_by_proposal ON firm_events ((event ->> 'proposal_id')) WHERE event ->> 'proposal_id' IS NOT NULL;

-- What was proposed to governance, and how far it has come.
CREATE VIEW proposals AS
SELECT (p.event ->> 'proposal_id')::uuid AS proposal_id,
    replace(p.topic, '-proposed', '') AS kind,
    p.event ->> 'proposer' AS proposer,
    p.event ->> 'proposal_hash' AS proposal_hash,
    p.event #> '{command,body}' AS change,
    p.event #>> '{command,body,reason}' AS reason,
    (p.event ->> 'version')::bigint AS policy_version,
    p.event ->> 'policy_hash' AS policy_hash,
    coalesce(a.last_requires, p.event -> 'requires') AS requires,
    coalesce(a.approvals, '[]') AS approvals,
    (p.event ->> 'expires_at')::bigint AS expires_at,
    coalesce(c.event ->> 'reason', 'awaiting-approval') AS state,
    coalesce(c.event ->> 'message', '') AS message,
    p.decided_at AS proposed_at,
    c.decided_at AS closed_at,
    p.position
FROM firm_events AS p
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
            'approver', e.event -> 'approver', 'roles', e.event -> 'roles', 'decided_at', e.decided_at
        ) ORDER BY e.position) AS approvals,
        (array_agg(e.event -> 'requires' ORDER BY e.position DESC))[1] AS last_requires
    FROM firm_events AS e
    WHERE e.topic = 'proposal-approved' AND e.event ->> 'proposal_id' = p.event ->> 'proposal_id'
) AS a ON true
LEFT JOIN firm_events AS c ON c.topic = 'proposal-closed' AND c.event ->> 'proposal_id' = p.event ->> 'proposal_id'
WHERE p.topic IN ('policy-proposed', 'reset-proposed', 'access-proposed', 'key-proposed');

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

-- The limits of the policy in force and what is used of them at this moment: a reservation counts until it is resolved,
-- what was posted counts from its second's end for the whole window, as the desk reckons it.
CREATE VIEW limits AS
WITH rules AS (
    SELECT l.* FROM (SELECT limits FROM policies ORDER BY position DESC LIMIT 1) AS policy,
    jsonb_to_recordset(policy.limits) AS l (
        limit_id text, scope text, subject text, kind text, window_seconds bigint, cap_usd numeric(24, 6)
    )
), used AS (
    SELECT limit_id, scope_key,
        coalesce(sum(r.amount_usd) FILTER (WHERE r.state = 'reserved'), 0) AS reserved_usd,
        coalesce(sum(r.amount_usd) FILTER (WHERE r.state = 'posted'), 0) AS posted_usd
    FROM reservations AS r JOIN rules USING (limit_id)
    WHERE r.state = 'reserved' OR (
        r.state = 'posted'
        AND r.since >= (floor(extract(epoch FROM statement_timestamp()))::bigint - rules.window_seconds) * 1000000
    )
    GROUP BY limit_id, scope_key
)
SELECT limit_id, scope, subject, coalesce(scope_key, scope || ':' || subject) AS scope_key, kind, window_seconds, cap_usd,
    coalesce(reserved_usd, 0) AS reserved_usd,
    coalesce(posted_usd, 0) AS posted_usd
FROM rules LEFT JOIN used USING (limit_id);

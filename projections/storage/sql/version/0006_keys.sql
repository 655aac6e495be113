-- All that governance said of keys, and who made use of them. How a key stands after it, governance's own fold says.
CREATE INDEX firm_events_by_key ON firm_events ((event ->> 'key_id'), position) WHERE event ->> 'key_id' IS NOT NULL;

CREATE INDEX firm_events_by_topic ON firm_events (topic, position);

-- A key's history: what was said of it, and of the proposals that are about it.
CREATE VIEW key_history AS
SELECT event ->> 'key_id' AS key_id, position, topic, partition, log_offset, decided_at, digest, event
FROM firm_events WHERE event ->> 'key_id' IS NOT NULL
UNION ALL
SELECT p.event ->> 'key_id', e.position, e.topic, e.partition, e.log_offset, e.decided_at, e.digest, e.event
FROM firm_events AS p JOIN firm_events AS e ON e.event ->> 'proposal_id' = p.event ->> 'proposal_id'
WHERE p.topic = 'key-proposed' AND e.topic IN ('proposal-approved', 'proposal-closed')
    AND p.event ->> 'proposal_id' IS NOT NULL AND e.event ->> 'proposal_id' IS NOT NULL;

-- Holders of shares, one for each place: whoever was enrolled for a place, or under a name, last.
CREATE VIEW cosigners AS
SELECT c.event #>> '{cosigner,cosigner}' AS cosigner,
    (c.event #>> '{cosigner,party}')::integer AS party,
    c.event #>> '{cosigner,site}' AS site,
    c.event #>> '{cosigner,signing_key}' AS signing_key,
    c.event #>> '{cosigner,agreement_key}' AS agreement_key,
    (c.event ->> 'proposal_id')::uuid AS proposal_id,
    c.decided_at AS enrolled_at
FROM firm_events AS c
WHERE c.topic = 'cosigner-enrolled' AND NOT EXISTS (
    SELECT FROM firm_events AS later
    WHERE later.topic = 'cosigner-enrolled' AND later.position > c.position AND (
        later.event #> '{cosigner,party}' = c.event #> '{cosigner,party}'
        OR later.event #> '{cosigner,cosigner}' = c.event #> '{cosigner,cosigner}'
    )
);

-- Signatures by key: the newest says when a key was last used. Also of orders whose chain is not to be believed: it signed.
CREATE VIEW key_uses AS
SELECT event ->> 'key_id' AS key_id, order_id, decided_at AS used_at FROM order_events WHERE topic = 'signed';
CREATE INDEX order_events_by_key ON order_events ((event ->> 'key_id'), decided_at DESC) WHERE topic = 'signed';

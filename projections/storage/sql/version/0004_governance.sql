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
    listed_at bigint NOT NULL,
    PRIMARY KEY (chain_id, address)
);

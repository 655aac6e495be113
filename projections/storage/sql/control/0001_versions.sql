-- Which schema holds which version of the tables, and which of them is served. Readers see views in `projection` only.
CREATE SCHEMA IF NOT EXISTS projection;
CREATE TABLE IF NOT EXISTS projection.versions (
    version integer PRIMARY KEY,
    fingerprint text NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'serving', 'retired'))
);
-- No number is given twice, so that nobody takes a new version for the one it knew.
CREATE SEQUENCE IF NOT EXISTS projection.version_numbers AS integer;
CREATE UNIQUE INDEX IF NOT EXISTS versions_one_serves ON projection.versions (state) WHERE state = 'serving';
GRANT USAGE ON SCHEMA projection TO reader;
GRANT SELECT ON projection.versions TO reader;

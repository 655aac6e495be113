"""The tables: one PostgreSQL schema a version (`projection_v1` …), written whole batches at a time, served through views."""

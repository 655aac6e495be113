"""What decides and acts: the exactly-once engine, and one folder per processor. Imports `schemas` and `infra` only."""

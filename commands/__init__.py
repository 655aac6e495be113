"""The write side's door: the HTTP gateway, the Python client, the command line. Imports `schemas` and `infra` only."""

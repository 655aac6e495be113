"""The custodian: carries out what a quorum ordered about keys, and reports it to governance."""

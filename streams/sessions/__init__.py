"""Carries signing sessions between the enclave, the custodian and the cosigners: signed messages, quorum choice, transport."""

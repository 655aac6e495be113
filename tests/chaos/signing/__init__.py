"""Chaos with signing on (`make chaos ARGS=--signing`): the whole line works while the enclave, cosigners and tokens die."""

"""Chaos with signing on (`make chaos ARGS=--signing`): all processes run while the enclave, cosigners and tokens die."""

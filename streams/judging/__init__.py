"""Serves everyone who signs, enclave and cosigners alike: reads the log, judges by the rules, remembers what was signed.

A memory holds payloads by nonce, what left each wallet, and how far the log had come. A decision takes two steps: `refusal`
asks, `claim` writes it down before anything is signed. A lost memory is restored from the log; a memory finds out an older log.
"""

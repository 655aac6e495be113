"""Serves everyone who signs, enclave and cosigners alike: reads the log, judges by the rules, remembers what was signed.

A memory holds payloads by nonce, the value that left each wallet, and the log positions reached. A decision takes two steps:
`refusal` asks, `claim` writes the payload down before anything is signed. A lost memory is restored from the log; a memory
detects an older log.
"""

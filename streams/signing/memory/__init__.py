"""What a signer remembers by itself, whatever any log says: payloads by nonce, what left each wallet, how far the log reached.

The enclave has such a memory, and so has every cosigner. A decision takes two steps: `refusal` asks, `claim` writes it down
before anything is signed. Whoever loses a memory gets it back from the log; whoever shows an older log finds it remembered.
"""

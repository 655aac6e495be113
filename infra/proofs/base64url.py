"""Strict base64url without padding (RFC 4648, section 5): one text for one value, so that texts can be compared."""

import base64
import binascii


def encode(content: bytes) -> str:
    """Return `content` as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes of `text`. Raises ValueError on padding, foreign characters, or stray bits at the end."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as failure:
        message = f"not base64url: {failure}"
        raise ValueError(message) from failure
    # Re-encoding finds what the library lets pass: set bits behind the last byte, `+`, `/` and `=`.
    if encode(content) != text:
        message = "not base64url in its only form"
        raise ValueError(message)
    return content

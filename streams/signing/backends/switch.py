"""Selects the backend that governance names for a key. An installation has those that it was set up with."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.keys import KeyBackend
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Signer, Task


class SwitchingSigner:
    """All backends of one installation."""

    def __init__(self, backends: Mapping[KeyBackend, Signer]) -> None:
        self._backends = backends

    def sign(self, task: Task) -> Made | Pending:
        """Sign with the backend that the task names.

        Raises:
            KeyUnusable: this installation has no such backend, or that backend has no such key.
        """
        backend = self._backends.get(task.backend)
        if backend is None:
            here = ", ".join(sorted(self._backends)) or "none"
            raise KeyUnusable(f"key {task.key_id} is kept by {task.backend}, and this enclave has {here}")
        return backend.sign(task)

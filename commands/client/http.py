"""The gateway's client: typed, synchronous, and safe to use again when something is away."""

from __future__ import annotations

from commands.client.firm import FirmCommands
from commands.client.orders import OrderCommands


class ProofdeskClient(OrderCommands, FirmCommands):
    """Connects one principal to one gateway: sends commands to desks and governance, and reads."""

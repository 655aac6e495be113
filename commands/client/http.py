"""The gateway's client: typed, synchronous, and safe to use again when something is away."""

from __future__ import annotations

from commands.client.firm import FirmCommands
from commands.client.orders import OrderCommands


class ProofdeskClient(OrderCommands, FirmCommands):
    """One principal's way to one gateway: to desks, to governance, and to what can be read."""

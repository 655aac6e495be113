"""Decides which breaker an event asks for: one module a detector, and no other file lists them.

Every module of this package is imported here, and each `Detector` in it registers itself by its record type. Detectors propose,
deciders decide (architecture, rule 13): a detector's command asks governance, whose policy may refuse it.
"""

from __future__ import annotations

import importlib
import pkgutil

from streams.rules.detectors.port import DETECTORS, PRINCIPAL, Detector, command_id, proposal

__all__ = ["DETECTORS", "PRINCIPAL", "Detector", "command_id", "proposal"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

"""Defines events. Each module holds the events of one writer's concern; `schemas.topics` names the writers."""

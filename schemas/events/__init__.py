"""What happened. Each module holds the events of one writer's concern; `schemas.topics` says who writes which."""

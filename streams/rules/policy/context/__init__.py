"""What rules can see: of an order and the facts about it, and of a change to the firm. The published schema says the same."""

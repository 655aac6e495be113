"""What the firm's Cedar policy says: of an order, of a change to the firm itself, and of a policy before it is put in force."""

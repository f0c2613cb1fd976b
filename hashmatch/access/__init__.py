"""Who may ask the service what, and how much of it: roles, tokens, budgets."""

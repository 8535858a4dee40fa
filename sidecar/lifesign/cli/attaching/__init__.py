"""Into a process that runs already: whether we may, how the agent gets in, and what is seen from outside."""

"""The agent in a process that runs already: how it gets in, and out again."""

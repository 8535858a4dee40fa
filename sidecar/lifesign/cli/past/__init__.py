"""The commands about what has happened: ``events`` and ``last``."""

"""The process as its system sees it, and what others can read of it."""

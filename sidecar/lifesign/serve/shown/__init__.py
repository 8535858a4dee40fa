"""What is shown of one process: as a row, in detail, its tasks, its past, and what is saved of it at its end."""

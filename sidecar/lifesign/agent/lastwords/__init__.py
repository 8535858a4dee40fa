"""The stacks that faulthandler writes, in C: of a crash, and of a process in which no Python code can run."""

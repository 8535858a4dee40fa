"""A process whose C code holds the GIL: its stacks are asked for, and the thread that holds it is found among them."""

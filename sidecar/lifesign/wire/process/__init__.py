"""What a process says of itself, besides its signs of life."""

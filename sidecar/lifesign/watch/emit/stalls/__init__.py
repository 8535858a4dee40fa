"""Short stalls and loops that spin: what is known of them, and the log records on them."""

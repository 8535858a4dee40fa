"""What the threads of the process do, wait for and hold, seen from the watchdog's thread."""

"""What keeps event loops from turning: sampled by the watchdog's thread while it lasts, added up by who does it."""

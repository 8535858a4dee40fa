"""What the program's own asyncio complains of, and the tasks that died: noted, counted, and written by the watchdog."""

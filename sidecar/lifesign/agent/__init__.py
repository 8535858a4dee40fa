"""The part of lifesign inside the main process. Standard library only, Python 3.9 and newer.

It never raises into the user's code, never blocks it, has no thread that would keep the process alive,
and bounds its memory and disk. Without ``LIFESIGN_DIR`` it does nothing at all.
"""

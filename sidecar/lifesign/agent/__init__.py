"""The part of lifesign inside the main process. Standard library only, Python 3.9 and newer.

It never raises into the user's code, never blocks it, keeps no thread that would hold the process
up, and bounds what it uses. Without ``LIFESIGN_DIR`` it does nothing at all.
"""

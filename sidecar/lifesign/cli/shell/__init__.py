"""The command line: its commands with their manuals, its parser, and its completion in shells."""

"""How the stacks of a process that runs no Python are asked for, and where they are; see `agent.lastwords.stacks`.

Two files of the process's folder: ``stacks.json`` says how to ask (`offer`), and ``stacks`` holds the questions
(`request`), each with faulthandler's answer behind it.
"""

"""The only door between the two processes: the pulse, its lanes, and the records in them.

The main process writes with `wire.writer`, the sidecar reads with `wire.reader`; `wire.layout`
says where everything is, `wire.records` what a record says. Standard library only.
"""

"""The interface between the two processes: the pulse, its lanes, and the records in them.

The main process writes with `wire.writer`, the sidecar reads with `wire.reader`; `wire.layout`
defines where everything is, `wire.records` the shape of each record. Standard library only.
"""

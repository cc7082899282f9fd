"""The faces that the Singer SDK wants to see: streams with schema, key and catalog.

In: what the SDK asks of a stream. Out: what a run brings. May use every room.
"""

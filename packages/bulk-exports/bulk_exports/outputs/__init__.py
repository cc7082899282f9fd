"""Where records go: Singer messages on stdout, or BATCH files.

In: encoded records. Out: whole lines, whole files. May use: `records`.
"""

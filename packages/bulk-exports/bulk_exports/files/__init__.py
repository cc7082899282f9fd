"""From bytes to lines: an export file, compressed or not, whole or not.

In: an open file. Out: blocks of whole lines, or `CorruptFileError`. May use: `engine` (its errors and threads).
"""

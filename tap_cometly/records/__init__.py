"""From lines to records: every value checked against its column, then written without having been an object.

In: an export's files and the declared columns. Out: a `Verification` with the summary of what the files hold, and
encoded records. May use: `files`, `engine` (its errors).
"""

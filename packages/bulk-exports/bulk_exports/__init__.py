"""One machine room for every vendor of asynchronous exports: a vendor declares, this does.

Each room says in its `__init__` what comes in, what goes out, and which rooms it may use. A vendor begins with
`bulk_exports.spec` (what it declares of a stream) and `bulk_exports.engine.vendor` (what its client answers), and gets
a Singer tap (`bulk_exports.singer`) and an Airbyte source (`bulk_exports.airbyte`).
"""

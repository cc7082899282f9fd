"""The faces that Airbyte wants to see: spec, check, discover, read.

In: what a vendor declares (`bulk_exports.airbyte.source`) and the files that Airbyte hands over. Out: its protocol on
stdout. Neither built on the Singer face nor known to it; may use every room but that one.
"""

"""Salesforce Account Engagement (Pardot) in bulk: what its Export API says, on the machinery of `bulk_exports`."""

"""The ledger of decisions: its chain of hashed records, and what the records mean for champion and reviews.

Storing the ledger is the job of ``tasks.registry``.
"""

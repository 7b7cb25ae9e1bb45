"""The ledger of decisions: its chain of digests, and the state of a review that its records tell.

Where the ledger is stored is known by ``tasks.registry``.
"""

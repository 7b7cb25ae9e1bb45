"""The promotion gate: champion and challenger on the same held-out rows, conditions, verdict.

Who approves a verdict, and how that is recorded, is in ``evenhand.audit`` and ``tasks.review``.
"""

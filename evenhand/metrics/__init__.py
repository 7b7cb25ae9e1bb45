"""The metrics kernel: scores of probabilities and classes, ranking metrics, costs, and their bootstrap.

What a difference between two scores proves is decided in ``evenhand.evidence``.
"""

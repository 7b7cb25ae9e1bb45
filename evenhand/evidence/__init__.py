"""Evidence: which method of handling imbalance helps, with intervals, paired differences and multiplicity.

The metrics themselves are in ``evenhand.metrics``; what the gate decides by them is in ``evenhand.gate``.
"""

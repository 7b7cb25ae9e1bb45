"""Which candidate is chosen, and the score to expect of it: its score out of fold, corrected for having been chosen.

Everything is computed from predictions out of fold. What helps, and how sure that is, is in ``evenhand.evidence``.
"""

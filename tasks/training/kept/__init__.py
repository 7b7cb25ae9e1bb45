"""Kept fits: units and refitted winners of earlier trainings, by a key of all that determines them.

Their store is that of the snapshots. What decides whether to read, fit or trust one is here; the fits are not.
"""

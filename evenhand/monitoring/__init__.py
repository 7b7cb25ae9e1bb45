"""Monitoring of a champion: summaries of periods, tests with a stated false-alarm rate, and what an alarm asks for.

It reads no training rows: a training leaves a reference of summaries. Files and events are in ``tasks.monitoring``.
"""

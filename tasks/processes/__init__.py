"""Processes and memory of this machine: a pool of worker processes, and raw rows that they map.

The work that they are given is in ``tasks.training``.
"""

"""The HTTP service: the champion of the ledger answers rows, one or many, and follows promotions and rollbacks.

What it reads and writes goes through `tasks`; what it computes is in `evenhand.scoring`.
"""

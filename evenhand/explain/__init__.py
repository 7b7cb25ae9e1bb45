"""What a fitted model goes by: importance of source columns, effect curves. Measured on held-out rows.

Pages that show it are in ``evenhand.report``.
"""
